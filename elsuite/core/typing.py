"""Names of types that many modules share: arrays by what they hold, and callbacks of progress."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]
Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]
Progress = Callable[[str, int, int], None]
"""Called with a stage, and how much of it is done of how much; every function that works long takes one."""
