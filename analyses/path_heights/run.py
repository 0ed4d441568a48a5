"""Figures 4 and S2: heights of paths within the sets, by the published procedure, on both surfaces."""

from analyses.common.sets import GSS, SETS, SGD, STYLES
from analyses.common.setup import Setup, main
from analyses.common.tables import comparison, write
from elsuite.analysis import pair_heights
from elsuite.plotting import DOUBLE_COLUMN, new_figure, paper_style, plot_heights

# Figure 4: all sets on the training surface; figure S2: the test sets on the test surface.
FIGURES = {"train": SETS, "test": (f"{SGD}/test", f"{GSS}/test")}


def run(setup: Setup) -> None:
    """Compare heights of random pairs within each set: the maximum over the points of published paths (Eq. 5)."""
    heights, differences = [], []
    for surface, names in FIGURES.items():
        with paper_style():
            figure = new_figure(DOUBLE_COLUMN, 0.9 * len(setup.networks) + 0.2 * len(names) * len(setup.networks))
            grid = figure.subplots(-(-len(setup.networks) // 2), min(len(setup.networks), 2), squeeze=False)
            for ax, network in zip(grid.ravel(), setup.networks, strict=False):
                with setup.database(network) as database:
                    found = pair_heights(database, surface, finder="published", refined=False)
                plot_heights(
                    {name: found[name].heights for name in names},
                    ax=ax,
                    styles=STYLES,
                    label=f"path height, {'training' if surface == 'train' else surface} loss",
                )
                ax.set_title(network)
                heights += [_summary(network, surface, name, found[name]) for name in names]
                for stop in ("train", "test") if surface == "train" else ("test",):
                    a, b = f"{GSS}/{stop}", f"{SGD}/{stop}"
                    facts = {"network": network, "surface": surface, "quantity": "path height", "a": a, "b": b}
                    differences.append(comparison(found[a], found[b], **facts))
            for ax in grid.ravel()[len(setup.networks) :]:
                ax.set_axis_off()
            setup.save(figure, f"heights_{surface}")
    write(heights, setup.results / "heights.csv")
    write(differences, setup.results / "differences.csv")


def _summary(network, surface, name, found):
    return {
        "network": network,
        "surface": surface,
        "set": name,
        "n_pairs": len(found.heights),
        "mean": found.heights.mean(),
        "std": found.heights.std(),
        "lowest": found.heights.min(),
        "highest": found.heights.max(),
    }


if __name__ == "__main__":
    main(run)
