"""Figures 6 and S4: kernel PCA of two sets together, with the kernel that separates them and those that should not."""

import numpy as np
from scipy.spatial.distance import pdist

from analyses.common.sets import PAIRS, STYLES, area
from analyses.common.setup import Setup, main
from analyses.common.tables import write
from elsuite.analysis import compare, kernel_pca, minima_by_set
from elsuite.analysis.rank_tests import delta_interval
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
    """Return how well components tell the sets apart: the area under the ROC curve, 0.5 not at all, 1 fully.

    The interval of the area is that of the larger of both sets, so that it may go under a half.
    """
    first, other = (area(second, found.coordinates[:, k]) for k in (0, 1))
    values = found.coordinates[:, 0]
    compared = compare(values[second], values[~second])
    low, high = delta_interval(2 * first - 1, compared.n_a, compared.n_b, compared.confidence)
    return {
        "area_1": first,
        "low": (1 + low) / 2,
        "high": (1 + high) / 2,
        "p_value": compared.p_value,
        "area_2": other,
        "explained_1": found.explained[0],
        "explained_2": found.explained[1],
        "n": len(second),
        "n_a": compared.n_a,
        "n_b": compared.n_b,
    }


if __name__ == "__main__":
    main(run)
