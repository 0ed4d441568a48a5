"""A third and a fourth optimizer: Adam, and L-BFGS with a line search by Wolfe's conditions."""

from itertools import combinations

import numpy as np

from analyses.common.sets import GSS, SGD
from analyses.common.setup import Setup, main
from analyses.common.tables import comparison, mean_interval, write
from elsuite.analysis import kernel_pca, minima_by_set, pair_heights
from elsuite.plotting import DOUBLE_COLUMN, new_figure, paper_style, plot_embedding, plot_heights, set_styles

OPTIMIZERS = (SGD, "adam", GSS, "lbfgs-wolfe")
STYLES = set_styles(
    [f"{name}/{surface}" for name in (SGD, GSS, "adam", "lbfgs-wolfe") for surface in ("train", "test")]
)


def run(setup: Setup) -> None:
    """Compare losses, weights, heights and a kernel map of the solutions of four optimizers of fcp."""
    with setup.database("optimizers") as database:
        sets = minima_by_set(database)
        losses, differences = _losses(database, sets)
        spread = {name: np.std(database.coordinates(ids), axis=1) for name, ids in sets.items()}
        differences += _compared(spread, "weight standard deviation", ("train", "test"))
        heights = {setting: pair_heights(database, "train", finder=setting) for setting in ("published", "converged")}
        for setting, found in heights.items():
            differences += _compared(found, f"path height, {setting}", ("train",))
        names = [f"{name}/train" for name in OPTIMIZERS]
        ids = np.concatenate([sets[name] for name in names])
        map_ = kernel_pca(database.coordinates, ids)
    write(losses, setup.results / "losses.csv")
    write(differences, setup.results / "differences.csv")
    with paper_style():
        figure = new_figure(DOUBLE_COLUMN, 2.6)
        left, right = figure.subplots(1, 2)
        plot_heights(
            {name: heights["published"][name].heights for name in names},
            ax=left,
            styles=STYLES,
            label="path height (published), training loss",
        )
        owners = [name for name in names for _ in sets[name]]
        plot_embedding(
            map_.coordinates,
            ax=right,
            sets=owners,
            styles={name: STYLES[name] for name in names},
            explained=map_.explained,
        )
        setup.save(figure, "optimizers")


def _losses(database, sets):
    energies = database.minima["energy"].values
    rows, differences = [], []
    for surface, column in zip(database.surfaces, energies.T, strict=True):
        values = {name: column[ids] for name, ids in sets.items()}
        for name in OPTIMIZERS:
            mean, low, high = mean_interval(values[f"{name}/{surface}"])
            rows.append({"optimizer": name, "loss": surface, "mean": mean, "low": low, "high": high})
        differences += _compared(values, f"{surface} loss", (surface,))
    return rows, differences


def _compared(values, quantity, stops):
    """Return each two optimizers compared, the one that comes later in the list first."""
    return [
        comparison(values[f"{a}/{stop}"], values[f"{b}/{stop}"], quantity=quantity, a=f"{a}/{stop}", b=f"{b}/{stop}")
        for stop in stops
        for b, a in combinations(OPTIMIZERS, 2)
    ]


if __name__ == "__main__":
    main(run)
