"""What every search begins and ends with: checked end points, and the `PathSearch` that is returned."""

import time
from dataclasses import dataclass, field

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.conversion import to_tensor
from elsuite.paths.base import Basis, Path, PathSearch
from elsuite.paths.heights import Heights, measure, path_length

__all__ = ["Ledger", "conclude", "straight_path"]


@dataclass
class Ledger:
    """The running account of one search.

    Attributes
    ----------
    began : float
        Clock when the search began.
    """

    began: float = field(default_factory=time.perf_counter)
    n_point_gradients: float = 0.0
    n_evaluations: float = 0.0

    def look(self, path: Path, landscape: Landscape, n_points: int) -> Heights:
        """Measure `path`, and note what that cost."""
        heights = measure(path, landscape, n_points)
        self.n_evaluations += heights.n_evaluations
        return heights


def straight_path(
    landscape: Landscape, start: ArrayLike | Tensor, end: ArrayLike | Tensor, basis: Basis
) -> Path:
    """Return the straight path between two checked end points, with zero coefficients for `basis`.

    Raises
    ------
    ValueError
        If an end point is not a vector of the landscape's width.
    """
    ends = []
    for name, value in (("start", start), ("end", end)):
        point = to_tensor(value, dtype=landscape.dtype, device=landscape.device).detach()
        if point.shape != (landscape.n_parameters,):
            raise ValueError(
                f"{name} has shape {tuple(point.shape)}, but a point here has ({landscape.n_parameters},)"
            )
        ends.append(point)
    return Path(ends[0], ends[1], basis, ends[0].new_zeros(basis.n_terms, len(ends[0])))


def conclude(path: Path, heights: Heights, ledger: Ledger, outcome: Outcome, message: str) -> PathSearch:
    """Return the search that ended with `path`."""
    return PathSearch(
        path=path,
        height=heights.height,
        refined_height=heights.refined_height,
        refined_t=heights.refined_t,
        profile=heights.profile,
        length=path_length(path),
        chord=float(torch.linalg.vector_norm((path.end - path.start).double())),
        outcome=outcome,
        message=message,
        n_point_gradients=ledger.n_point_gradients,
        n_evaluations=ledger.n_evaluations,
        seconds=time.perf_counter() - ledger.began,
    )
