"""Pictures of two-dimensional surfaces."""

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray

from elsuite.landscapes import Landscape

__all__ = ["draw_surface", "mark_states"]


def draw_surface(
    ax: Axes, surface: Landscape, x: NDArray[np.float64], y: NDArray[np.float64], **options: object
) -> None:
    """Draw a surface in grey, with white contours, on the grid of `x` and `y`; options are those of contourf."""
    grid = np.meshgrid(x, y)
    points = torch.as_tensor(np.column_stack([part.ravel() for part in grid]), dtype=surface.dtype)
    energy = surface.energy(points).numpy().reshape(grid[0].shape)
    filled = ax.contourf(*grid, energy, cmap="Greys", alpha=0.75, **options)
    ax.contour(*grid, energy, levels=filled.levels, colors="white", linewidths=0.3, linestyles="solid")
    ax.set(xlabel="x", ylabel="y", aspect="equal")


def mark_states(ax: Axes, places: NDArray[np.float64]) -> None:
    """Mark transition states."""
    ax.plot(
        *np.asarray(places).T, "X", color="#CC3311", markersize=6, markeredgecolor="white", label="transition states"
    )
