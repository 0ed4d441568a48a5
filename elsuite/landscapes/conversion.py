"""Arrays of any kind to tensors, and norms of tensors of any size."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

_LEAST = 1e-140  # norms under this, or over its inverse, have squares that leave the range of float64


def to_tensor(
    values: ArrayLike | Tensor, *, dtype: torch.dtype | None = None, device: torch.device | None = None
) -> Tensor:
    """Return `values` as a tensor, without a copy where that is possible."""
    if not isinstance(values, Tensor):
        array = np.asarray(values)
        # What comes from a database, a file or a view often is none of what torch takes: arrays that may be written
        # to, in this machine's byte order, without negative strides.
        if not (array.flags.writeable and array.dtype.isnative and min(array.strides, default=0) >= 0):
            array = array.astype(array.dtype.newbyteorder("="), order="C")
        values = torch.from_numpy(array)
    return values.to(dtype=dtype, device=device)


def norms(vectors: Tensor) -> Tensor:
    """Return the Euclidean norms (n,) of the rows of (n, P), float64: no square overflows or is lost.

    Examples
    --------
    >>> norms(torch.tensor([[3e300, 4e300], [3e-300, 4e-300]], dtype=torch.float64)).tolist()
    [5e+300, 5e-300]
    """
    plain = torch.linalg.vector_norm(vectors, dim=1, dtype=torch.float64)
    # Squares of float32 numbers fit into float64; those of float64 numbers need a unit where they are extreme.
    if vectors.dtype == torch.float64 and vectors.numel():
        extreme = ~((plain > _LEAST) & (plain < 1 / _LEAST))
        if extreme.any():
            rows = vectors[extreme]
            unit = rows.abs().amax(dim=1, keepdim=True)
            unit = torch.where((unit > 0) & torch.isfinite(unit), unit, torch.ones_like(unit))
            plain[extreme] = torch.linalg.vector_norm(rows / unit, dim=1) * unit[:, 0]
    return torch.as_tensor(plain)
