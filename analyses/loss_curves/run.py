"""Figures 2 and S1: loss curves of both minimizers, on both surfaces."""

import numpy as np

from analyses.common.sets import GSS, SGD, STYLES
from analyses.common.setup import Setup, main
from analyses.common.tables import write
from elsuite.analysis import curve_quantiles, loss_curves
from elsuite.plotting import DOUBLE_COLUMN, new_figure, paper_style, plot_losses

N_SHOWN = 11


def run(setup: Setup) -> None:
    """Draw training and test loss of every run against epochs (SGD) or iterations (L-BFGS-GSS)."""
    rows = []
    with paper_style():
        figure = new_figure(DOUBLE_COLUMN, 2.3 * len(setup.networks))
        grid = figure.subplots(len(setup.networks), 2, squeeze=False)
        for panels, network in zip(grid, setup.networks, strict=True):
            with setup.database(network) as database:
                groups = loss_curves(database)
            for ax, minimizer in zip(panels, (SGD, GSS), strict=True):
                own = [group for group in groups if group.minimizer == minimizer]
                step = "epoch" if minimizer == SGD else "iteration"
                plot_losses(own, ax=ax, styles=STYLES, step=step, label=f"{network}: loss")
                rows += [row for group in own for row in _samples(network, group)]
            limits = np.array([ax.get_ylim() for ax in panels])
            for ax in panels:
                ax.set_ylim(limits[:, 0].min(), limits[:, 1].max())
        for ax, title in zip(
            grid[0], ("stochastic gradient descent", "L-BFGS with golden section search"), strict=True
        ):
            ax.set_title(title)
        setup.save(figure, "loss_curves")
    write(rows, setup.results / "loss_curves.csv")


def _samples(network, group):
    """Yield quartiles over the runs at some epochs, and where the minimum of the curve lies."""
    low, middle, high = curve_quantiles(group.values)
    for epoch in np.unique(np.linspace(0, len(middle) - 1, N_SHOWN).astype(int)):
        yield {
            "network": network,
            "minimizer": group.minimizer,
            "loss": group.surface,
            "epoch": int(epoch),
            "quartile_1": low[epoch],
            "median": middle[epoch],
            "quartile_3": high[epoch],
            "median_early_stop": float(np.median(group.stops)),
        }


if __name__ == "__main__":
    main(run)
