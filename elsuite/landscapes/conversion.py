"""Arrays of any kind to tensors."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

__all__ = ["to_tensor"]


def to_tensor(
    values: ArrayLike | Tensor, *, dtype: torch.dtype | None = None, device: torch.device | None = None
) -> Tensor:
    """Return `values` as a tensor, without a copy where that is possible."""
    if not isinstance(values, Tensor):
        array = np.asarray(values)
        # torch warns of arrays that must not be written to; what comes from a database or a file often is one.
        values = torch.from_numpy(array if array.flags.writeable else array.copy())
    return values.to(dtype=dtype, device=device)
