"""Separable wells, whose tree is known, and a finder that knows every height."""

import numpy as np
import torch

from elsuite.core.outcomes import Outcome
from elsuite.core.settings import settings
from elsuite.database import LandscapeDatabase
from elsuite.landscapes import FunctionLandscape
from elsuite.paths.base import Path, PathFinder, PathSearch
from elsuite.paths.bases import SineBasis


@settings
class Wells(PathFinder):
    """Returns the true minimax heights between separable wells, of the heights h_i = 1 + i."""

    outcome: str = "converged"

    name = "wells"

    def find(self, landscape, start, end, seed=0):
        a, b = np.asarray(start), np.asarray(end)
        height = float(1 + np.flatnonzero(np.sign(a) != np.sign(b)).max())
        path = Path(torch.as_tensor(a), torch.as_tensor(b), SineBasis(1), torch.zeros(1, len(a), dtype=torch.float64))
        profile = np.array([0.0, height, 0.0])
        return PathSearch(
            path=path, height=height, refined_height=height, refined_t=0.5, profile=profile, length=1.0, chord=1.0,
            outcome=Outcome(self.outcome), message="", n_point_gradients=1.0, n_evaluations=3.0, seconds=0.0,
        )  # fmt: skip


def wells(order, widths=None, jitter=0.0):
    """A database of the minima of separable wells, whose coordinate k has the height 1 + order[k]; energies are 0."""
    d = len(order)
    places = np.argsort(order)  # the finder counts coordinates by their heights
    spread = torch.as_tensor(np.ones(d) if widths is None else np.asarray(widths))
    heights = 1.0 + torch.arange(d)

    def energy(p):  # flat where the minima lie
        off = ((p / spread) ** 2 - 1).abs() - 30 * jitter
        return (heights * off.clamp(min=0) ** 2).sum(1)

    landscape = FunctionLandscape(energy, d)
    database = LandscapeDatabase.create(None, landscape)
    bits = (np.arange(2**d)[:, None] >> places) & 1
    points = (2.0 * bits - 1) * spread.numpy()
    points += jitter * np.random.default_rng(0).normal(size=points.shape)
    database.add(minima={"coordinates": points, "energy": np.zeros((2**d, 1))})
    return database, landscape
