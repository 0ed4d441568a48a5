"""Figures 6 and S4: kernel PCA of two sets together, with the kernel that separates them and those that should not."""

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.metrics import roc_auc_score

from analyses.common.sets import PAIRS, STYLES, area
from analyses.common.setup import Setup, main
from analyses.common.tables import write
from elsuite.analysis import kernel_pca, minima_by_set
from elsuite.plotting import DOUBLE_COLUMN, new_figure, paper_style, plot_embedding
from elsuite.plotting.style import legend_handles

# The article's, 2 sigma^2 = number of parameters, and the same shape with the width of the solutions themselves:
# where distances are small beside sigma, the first is all but linear.
KERNELS = ("rbf", "rbf, own width", "linear", "polynomial", "sigmoid")


def run(setup: Setup) -> None:
    """Draw the first two kernel principal components of two sets, and measure how far the first separates them."""
    rows = []
    for pair in PAIRS:
        with paper_style():
            figure = new_figure(DOUBLE_COLUMN, 1.6 * len(setup.networks))
            grid = figure.subplots(len(setup.networks), len(KERNELS), squeeze=False)
            for panels, network in zip(grid, setup.networks, strict=True):
                with setup.database(network) as database:
                    sets = minima_by_set(database)
                    ids = np.concatenate([sets[name] for name in pair])
                    second = np.isin(ids, sets[pair[1]])
                    for ax, kernel in zip(panels, KERNELS, strict=True):
                        found = _map(database, ids, kernel)
                        facts = {"network": network, "kernel": kernel, "a": pair[0], "b": pair[1]}
                        rows.append({**facts, **_separation(found, second)})
                        names = [pair[int(own)] for own in second]
                        plot_embedding(
                            found.coordinates,
                            ax=ax,
                            sets=names,
                            styles={name: STYLES[name] for name in pair},
                            axis_labels=("component 1", "component 2"),
                            legend=False,
                        )
                        ax.set_title(kernel if network == setup.networks[0] else "")
                        if kernel == KERNELS[0]:
                            ax.set_ylabel(f"{network}\ncomponent 2")
                        ax.locator_params(nbins=3)
            shown = {name: STYLES[name] for name in pair}
            figure.legend(handles=legend_handles(shown), loc="outside lower center", ncols=2)
            setup.save(figure, f"kernel_maps_{pair[1].replace('/', '_')}")
    write(rows, setup.results / "separation.csv")


def _map(database, ids, kernel):
    if kernel != "rbf, own width":
        return kernel_pca(database.coordinates, ids, kernel=kernel)
    points = database.coordinates(ids).astype(float)
    squares = pdist(points, "sqeuclidean")
    return kernel_pca(points, kernel="rbf", gamma=1 / squares.mean())


def _separation(found, second):
    """Return how well components tell the sets apart: the area under the ROC curve, 0.5 not at all, 1 fully."""
    first, other = (area(second, found.coordinates[:, k]) for k in (0, 1))
    low, high = _interval(found.coordinates[:, 0], second)
    return {
        "area_1": first,
        "low": low,
        "high": high,
        "p_value": _p_value(found.coordinates[:, 0], second),
        "area_2": other,
        "explained_1": found.explained[0],
        "explained_2": found.explained[1],
        "n": len(second),
    }


def _interval(values, second, n_resamples=2000):
    """Return the 95 % bootstrap interval of the area of one component, minima drawn within each set."""
    random = np.random.default_rng(0)
    sign = 1 if roc_auc_score(second, values) >= 0.5 else -1
    a, b = sign * values[~second], sign * values[second]
    drawn = [_area(random.choice(a, len(a)), random.choice(b, len(b))) for _ in range(n_resamples)]
    return tuple(np.quantile(drawn, [0.025, 0.975]))


def _area(a, b):
    return ((b[:, None] > a).mean() + (b[:, None] >= a).mean()) / 2


def _p_value(values, second, n_permutations=2000):
    """Return the share of shuffles of the sets with at least this area."""
    random = np.random.default_rng(0)
    own = abs(_area(values[~second], values[second]) - 0.5)
    shuffled = (random.permutation(second) for _ in range(n_permutations))
    as_far = sum(abs(_area(values[~s], values[s]) - 0.5) >= own - 1e-12 for s in shuffled)
    return (1 + as_far) / (1 + n_permutations)


if __name__ == "__main__":
    main(run)
