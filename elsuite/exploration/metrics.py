"""The metrics of a landscape as columns of a database: of minima, and along paths."""

import numpy as np
import torch

from elsuite.core.typing import Array, Floats
from elsuite.landscapes.base import Landscape, parts_at_once
from elsuite.paths.base import Path
from elsuite.schema import METRIC, PROFILE


def metrics_of_points(landscape: Landscape, points: Array | torch.Tensor) -> dict[str, Floats]:
    """Return for each metric the column of minima, its values at points (n, P) on every surface, (n, n_surfaces).

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> metrics_of_points(SixHumpCamel(), np.zeros((1, 2)))
    {}
    """
    if not landscape.metrics:
        return {}
    tensor = torch.as_tensor(points).to(landscape.device, landscape.dtype)
    values = np.stack([_values(landscape.on(name), tensor) for name in landscape.surfaces], axis=1)
    return {f"{METRIC}{name}": values[:, :, k] for k, name in enumerate(landscape.metrics)}


def metrics_of_path(landscape: Landscape, path: Path, n_points: int) -> dict[str, Floats]:
    """Return for each metric the column of paths, its values at `n_points` equally spaced t on the surface shown.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> from elsuite.paths import LinearPathFinder
    >>> camel = SixHumpCamel()
    >>> metrics_of_path(camel, LinearPathFinder().find(camel, *camel.minima[:2]).path, 5)
    {}
    """
    if not landscape.metrics:
        return {}
    t = torch.linspace(0, 1, n_points, dtype=torch.float64, device=path.start.device)
    parts = [_values(landscape, path.points(t[part])) for part in parts_at_once(landscape, n_points)]
    values = np.concatenate(parts)
    return {f"{PROFILE}{name}": values[:, k] for k, name in enumerate(landscape.metrics)}


def _values(landscape: Landscape, points: torch.Tensor) -> Floats:
    values: Floats = landscape.metric_values(points).detach().double().cpu().numpy()
    return values
