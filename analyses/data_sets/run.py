"""A second data set: the findings on handwritten digits of 8 x 8 pixels (scikit-learn's)."""

import numpy as np

from analyses.common.sets import GSS, SGD, STYLES, area
from analyses.common.setup import Setup, main
from analyses.common.tables import comparison, write
from elsuite.analysis import distances_to_origin, kernel_pca, minima_by_set, pair_heights
from elsuite.plotting import DOUBLE_COLUMN, new_figure, paper_style, plot_embedding, plot_heights

A, B = f"{GSS}/test", f"{SGD}/test"


def run(setup: Setup) -> None:
    """Compare losses, weights, distances, heights and the kernel map of fcp on digits."""
    with setup.database("digits") as database:
        sets = minima_by_set(database)
        rows = _losses(database, sets)
        for stop in ("train", "test"):
            a, b = f"{GSS}/{stop}", f"{SGD}/{stop}"
            spread = [np.std(database.coordinates(sets[name]), axis=1) for name in (a, b)]
            rows.append(comparison(*spread, quantity="weight standard deviation", surface="", a=a, b=b))
        for a in (f"{GSS}/train", A):
            found = distances_to_origin(database, B, a)
            facts = {"quantity": "distance to the common origin", "surface": "", "a": a, "b": B}
            rows.append(comparison(found.distances_b, found.distances_a, **facts))
        heights = {}
        for setting, surface, stops in (
            ("published", "train", ("train", "test")),
            ("published", "test", ("test",)),
            ("converged", "train", ("train", "test")),
        ):
            heights[setting, surface] = found = pair_heights(database, surface, finder=setting)
            for stop in stops:
                a, b = f"{GSS}/{stop}", f"{SGD}/{stop}"
                facts = {"quantity": f"path height, {setting}", "surface": surface, "a": a, "b": b}
                rows.append(comparison(found[a], found[b], **facts))
        ids = np.concatenate([sets[B], sets[A]])
        map_ = kernel_pca(database.coordinates, ids)
        second = np.isin(ids, sets[A])
    write(rows, setup.results / "differences.csv")
    separation = {"a": A, "b": B, "kernel": "rbf", "area_1": area(second, map_.coordinates[:, 0])}
    write([separation], setup.results / "separation.csv")
    _draw(setup, heights["published", "train"], map_, [(B, A)[int(own)] for own in second])


def _losses(database, sets):
    energies = database.minima["energy"].values
    return [
        comparison(
            column[sets[f"{GSS}/{surface}"]],
            column[sets[f"{SGD}/{surface}"]],
            quantity=f"{surface} loss",
            surface=surface,
            a=f"{GSS}/{surface}",
            b=f"{SGD}/{surface}",
        )
        for surface, column in zip(database.surfaces, energies.T, strict=True)
    ]


def _draw(setup, found, map_, owners):
    with paper_style():
        figure = new_figure(DOUBLE_COLUMN, 2.6)
        left, right = figure.subplots(1, 2)
        plot_heights(
            {name: found[name].heights for name in STYLES},
            ax=left,
            styles=STYLES,
            label="path height (published), training loss",
        )
        styles = {name: STYLES[name] for name in (B, A)}
        plot_embedding(map_.coordinates, ax=right, sets=owners, styles=styles, explained=map_.explained)
        setup.save(figure, "digits")


if __name__ == "__main__":
    main(run)
