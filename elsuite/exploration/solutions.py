"""Solutions from elsewhere into a database: their energies and gradients computed here, their origin said."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from elsuite.database import LandscapeDatabase
from elsuite.exploration.keys import content_key
from elsuite.landscapes.base import Landscape

__all__ = ["add_solutions", "evaluate"]


def add_solutions(
    database: LandscapeDatabase,
    landscape: Landscape,
    solutions: NDArray[Any],
    *,
    set_name: str,
    origin: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.int64]:
    """Store solutions, shape (n, P), as the set `set_name` ("minimizer/stopping") and return their ids.

    A solution that the set holds already, equal in every coordinate, is not stored again.

    Raises
    ------
    ValueError
        For solutions of another width than the landscape's; names both numbers.
    """
    solutions = np.atleast_2d(solutions)
    if solutions.shape[1] != landscape.n_parameters:
        raise ValueError(
            f"the solutions have {solutions.shape[1]} parameters, the network has {landscape.n_parameters}"
        )
    points = solutions.astype(np.float32 if landscape.dtype == torch.float32 else np.float64)
    keys = np.array(
        [content_key("solution", set_name, point.tobytes().hex()) for point in points], dtype=np.uint64
    )
    known = set(database.minima["key"].values.tolist())
    first_of_its_kind = np.unique(keys, return_index=True)[1]
    new = np.array([k for k in np.sort(first_of_its_kind) if int(keys[k]) not in known], dtype=np.int64)
    if not len(new):
        return new
    energies, norms = evaluate(landscape, points[new], progress=progress)
    minimizer, _, stopping = set_name.partition("/")
    added = database.add(
        minima={
            "coordinates": points[new],
            "energy": energies,
            "gradient_norm": norms,
            "set": [set_name] * len(new),
            "stopping": [stopping or minimizer] * len(new),
            "outcome": ["imported"] * len(new),
            "key": keys[new],
            "origin": [origin] * len(new),
        }
    )
    return np.asarray(added.minima)


def evaluate(
    landscape: Landscape,
    points: NDArray[Any],
    *,
    progress: Callable[[int, int], None] | None = None,
    at_once: int = 8,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return energies on all surfaces, shape (n, n_surfaces), and gradient norms on the first, shape (n,)."""
    first, *others = (landscape.on(name) for name in landscape.surfaces)
    energies, norms = [], []
    for begin in range(0, len(points), at_once):
        part = torch.as_tensor(points[begin : begin + at_once]).to(landscape.device, landscape.dtype)
        energy, gradient = first.energy_and_gradient(part)
        columns: Sequence[torch.Tensor] = [energy, *(other.energy(part) for other in others)]
        energies.append(torch.stack([c.double() for c in columns], dim=1).detach().cpu().numpy())
        norms.append(torch.linalg.vector_norm(gradient.double(), dim=1).cpu().numpy())
        if progress is not None:
            progress(min(begin + at_once, len(points)), len(points))
    return np.concatenate(energies), np.concatenate(norms)
