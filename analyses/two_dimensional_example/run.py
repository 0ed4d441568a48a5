"""Figure 3: paths over the two-dimensional example, published and converged, and its transition states."""

import numpy as np
import torch

from analyses.common.published import figure_3
from analyses.common.setup import Setup, main
from analyses.common.surfaces import draw_surface, mark_states
from analyses.common.tables import write
from elsuite.landscapes import FourGaussians
from elsuite.paths import FourierPathFinder, LinearPathFinder
from elsuite.plotting import SINGLE_COLUMN, new_figure, paper_style
from elsuite.stationary import classify_stationary_point

SMOOTHNESSES = (10, 100, 1000)
COLORS = ("#56B4E9", "#0072B2", "#35C29A", "#D55E00")


def run(setup: Setup) -> None:
    """Search paths for three smoothnesses (lambda) and by the converged setting; compare with the transition state."""
    surface = FourGaussians()
    known = figure_3()
    states = known["transition_states_computed"]
    start, end = (torch.as_tensor(point) for point in surface.minima)
    published = {f"lambda_{value}": known["heights_published"][f"lambda_{value}"] for value in SMOOTHNESSES}
    finders = {
        f"lambda_{value}": FourierPathFinder.published(n_points=101, n_terms=15, power=2, smoothness=value)
        for value in SMOOTHNESSES
    }
    found = {"straight": LinearPathFinder().find(surface, start, end)}
    found |= {name: finder.find(surface, start, end) for name, finder in finders.items()}
    found["converged"] = FourierPathFinder().find(surface, start, end)
    published["straight"] = known["heights_published"]["straight"]
    lowest = states[0]["energy"]
    rows = [
        {
            "path": name,
            "published_height": published.get(name),
            "height": search.height,
            "refined_height": search.refined_height,
            "above_transition_state": search.refined_height / lowest - 1,
            "length": search.length,
            "outcome": str(search.outcome),
        }
        for name, search in found.items()
    ]
    write(rows, setup.results / "heights.csv")
    kinds = [_state(surface, state) for state in states]
    write(kinds, setup.results / "transition_states.csv")
    _draw(setup, surface, found, states)


def _state(surface, state):
    point = classify_stationary_point(surface, torch.as_tensor(state["position"], dtype=surface.dtype))
    return {
        "x": state["position"][0],
        "y": state["position"][1],
        "energy_known": state["energy"],
        "energy": point.energy,
        "kind": point.kind,
    }


def _draw(setup, surface, found, states):
    with paper_style():
        figure = new_figure(SINGLE_COLUMN, 3.3)
        ax = figure.add_subplot()
        draw_surface(ax, surface, np.linspace(-1.2, 1.1, 231), np.linspace(-1.15, 1.15, 231), levels=24)
        t = torch.linspace(0, 1, 201, dtype=torch.float64)
        curves = {name: search for name, search in found.items() if name != "straight"}
        for color, (name, search) in zip(COLORS, curves.items(), strict=True):
            points = search.path.points(t).numpy()
            label = name.replace("lambda_", "\N{GREEK SMALL LETTER LAMDA} = ")
            ax.plot(*points.T, color=color, linewidth=1.4, label=f"{label}: {search.refined_height:.4f}")
        line = found["straight"].path.points(t).numpy()
        height = found["straight"].refined_height
        ax.plot(*line.T, color="#222222", linestyle="--", linewidth=0.9, label=f"straight: {height:.4f}")
        ax.plot(*np.asarray(surface.minima).T, "o", color="#222222", markersize=4)
        mark_states(ax, [state["position"] for state in states])
        for state in states:
            ax.annotate(
                f"{state['energy']:.3f}", state["position"], xytext=(5, 4), textcoords="offset points", fontsize=7
            )
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        setup.save(figure, "paths")


if __name__ == "__main__":
    main(run)
