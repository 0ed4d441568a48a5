"""Arrays of any kind to tensors."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor


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
