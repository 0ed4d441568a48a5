"""What is left of the findings when paths converge and hidden units are aligned."""

import numpy as np
from matplotlib.ticker import LogFormatterMathtext, LogLocator, NullLocator

from analyses.common.sets import GSS, SETS, SGD, STYLES, above_ends, area
from analyses.common.setup import Setup, main
from analyses.common.tables import comparison, write
from elsuite.analysis import kernel_pca, minima_by_set, pair_heights
from elsuite.network import path_heights
from elsuite.paths import align_all
from elsuite.plotting import DOUBLE_COLUMN, new_figure, paper_style, plot_heights
from elsuite.schema import NotFoundError
from elsuite.studies import landscape_of_database

SETTINGS = ("published", "converged", "aligned")
# The sets that the article compares, by the surface that heights are taken on.
COMPARED = (("train", "train"), ("train", "test"), ("test", "test"))
# Zero, which is what many converged paths reach, has no place on a logarithmic axis.
LEAST_DRAWN = 1e-8


def run(setup: Setup) -> None:
    """Compare the same pairs by published, converged and aligned paths; distances and maps of aligned solutions."""
    differences, settings, aligned = [], [], []
    with paper_style():
        figure = new_figure(DOUBLE_COLUMN, 2.0 * len(setup.networks))
        grid = figure.subplots(len(setup.networks), len(SETTINGS), squeeze=False)
        for panels, network in zip(grid, setup.networks, strict=True):
            with setup.database(network) as database:
                for ax, setting in zip(panels, SETTINGS, strict=True):
                    found = _above_ends(database, setting)
                    if not found:
                        ax.set_axis_off()
                        continue
                    settings += [_cost(database, network, setting, surface) for surface in ("train", "test")]
                    differences += _differences(database, network, setting)
                    heights = {name: found[name].heights for name in SETS if name in found}
                    _draw(ax, heights, f"{network}, {setting}")
                limits = np.array([ax.get_xlim() for ax in panels if ax.axison])
                for ax in panels:
                    ax.set_xlim(limits[:, 0].min(), limits[:, 1].max())
                    ax.xaxis.set_major_locator(LogLocator(numticks=6))
                    ax.xaxis.set_major_formatter(LogFormatterMathtext())
                    ax.xaxis.set_minor_locator(NullLocator())
                if _has(database, "aligned"):
                    aligned += _aligned(database, network, setup.data_dir)
        figure.supxlabel(
            f"height above the higher end on the training surface, at least {LEAST_DRAWN:g} drawn", fontsize=8
        )
        setup.save(figure, "heights_above_ends")
    write(differences, setup.results / "differences.csv")
    write(settings, setup.results / "settings.csv")
    write(aligned, setup.results / "aligned_solutions.csv")


def _has(database, finder):
    return finder in database.paths["finder"].values.tolist()


def _heights(database, surface, finder):
    try:
        found = pair_heights(database, surface, finder=finder)
    except NotFoundError:
        return {}
    return {name: own for name, own in found.items() if "~" not in name}


def _above_ends(database, finder, surface="train"):
    """Return heights above the higher end, within the sets."""
    heights = _heights(database, surface, finder)
    return {name: above_ends(database, own, surface) for name, own in heights.items()}


def _draw(ax, values, title):
    plot_heights(
        {name: np.maximum(own, LEAST_DRAWN) for name, own in values.items()},
        ax=ax,
        styles=STYLES,
        scale="log",
        label="",
    )
    ax.set_title(title)


def _differences(database, network, setting):
    rows = []
    for surface, stop in COMPARED:
        a, b = f"{GSS}/{stop}", f"{SGD}/{stop}"
        facts = {"network": network, "setting": setting, "surface": surface, "a": a, "b": b}
        for quantity, found in (
            ("path height", _heights(database, surface, setting)),
            ("height above the higher end", _above_ends(database, setting, surface)),
        ):
            if a in found and b in found:
                rows.append(comparison(found[a], found[b], **facts, quantity=quantity))
    return rows


def _cost(database, network, setting, surface):
    """Return what the searches took, and where they ended."""
    paths = database.paths
    found = path_heights(database, surface, finder=setting)
    chosen, above = found.paths, above_ends(database, found, surface).heights
    return {
        "network": network,
        "setting": setting,
        "surface": surface,
        "n_paths": len(chosen),
        "mean_point_gradients": paths["n_point_gradients"].values[chosen].mean(),
        "mean_above_ends": above.mean(),
        "median_above_ends": np.median(above),
        "share_converged": (paths["outcome"].values[chosen] == "converged").mean(),
        "mean_length_over_chord": (paths["length"].values[chosen] / paths["chord"].values[chosen]).mean(),
    }


def _aligned(database, network, folder):
    """Return distances and kernel maps before and after each solution is replaced by its copy nearest to one of them.

    The reference is a solution of SGD, so the copies of both sets lean towards that one.
    """
    landscape = landscape_of_database(database, data_dir=folder)
    rows = []
    sets = minima_by_set(database)
    for b in (f"{GSS}/train", f"{GSS}/test"):
        a = f"{SGD}/test"
        ids = np.concatenate([sets[a], sets[b]])
        second = np.isin(ids, sets[b])
        points = database.coordinates(ids)
        copies = np.array([own.coordinates for own in align_all(landscape, points[0], points, restarts=1)])
        for setting, own in (("as found", points), ("aligned", copies)):
            rows.append({"network": network, "solutions": setting, "a": b, "b": a, **_maps(own, second)})
    return rows


def _maps(points, second):
    origin = (points[~second].mean(axis=0) + points[second].mean(axis=0)) / 2
    distances = np.linalg.norm(points - origin, axis=1)
    row = comparison(distances[second], distances[~second])
    apart = [np.linalg.norm(own - own[:, None], axis=2) for own in (points[second], points[~second])]
    within = [own[np.triu_indices(len(own), 1)].mean() for own in apart]
    map_ = kernel_pca(points)
    return {
        **row,
        "mean_pair_distance_a": within[0],
        "mean_pair_distance_b": within[1],
        "kernel_area_1": area(second, map_.coordinates[:, 0]),
    }


if __name__ == "__main__":
    main(run)
