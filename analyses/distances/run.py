"""Figures 5 and S3: distances of two sets to their common origin."""

from analyses.common.sets import PAIRS, STYLES
from analyses.common.setup import Setup, main
from analyses.common.tables import comparison, write
from elsuite.analysis import distances_to_origin
from elsuite.plotting import DOUBLE_COLUMN, new_figure, paper_style, plot_distances


def run(setup: Setup) -> None:
    """Compare distances to the middle between the means of two sets, and that of the means from it."""
    rows = []
    with paper_style():
        figure = new_figure(DOUBLE_COLUMN, 2.3 * len(setup.networks))
        grid = figure.subplots(len(setup.networks), 2, squeeze=False)
        for panels, network in zip(grid, setup.networks, strict=True):
            with setup.database(network) as database:
                for ax, (a, b) in zip(panels, PAIRS, strict=True):
                    found = distances_to_origin(database, a, b)
                    plot_distances(
                        {a: found.distances_a, b: found.distances_b},
                        ax=ax,
                        mean_distance=found.mean_distance,
                        styles=STYLES,
                        label=f"{network}: distance to the common origin",
                    )
                    facts = {"network": network, "quantity": "distance to the common origin", "a": b, "b": a}
                    row = comparison(found.distances_b, found.distances_a, **facts)
                    rows.append({**row, "mean_of_either_set": found.mean_distance})
        setup.save(figure, "distances")
    write(rows, setup.results / "distances.csv")


if __name__ == "__main__":
    main(run)
