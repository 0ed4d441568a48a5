"""Data sets of images as arrays, with labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DataSet", "load_data"]


@dataclass(frozen=True, eq=False)
class DataSet:
    """Images and labels, for training and for testing.

    Attributes
    ----------
    name : str
    train_inputs, test_inputs : ndarray (n_samples, height, width) float32
        Grey levels in [0, 1].
    train_targets, test_targets : ndarray (n_samples,) int64
        Class indices from 0.
    """

    name: str
    train_inputs: NDArray[np.float32]
    train_targets: NDArray[np.int64]
    test_inputs: NDArray[np.float32]
    test_targets: NDArray[np.int64]

    @property
    def n_classes(self) -> int:
        """Number of classes: one more than the highest label."""
        return 1 + int(max(self.train_targets.max(), self.test_targets.max()))


def load_data(
    name: str,
    *,
    n_train: int | None = None,
    n_test: int | None = None,
    seed: int = 0,
    folder: str | None = None,
) -> DataSet:
    """Return a data set."""
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    images = (digits.images / 16).astype(np.float32)
    labels = digits.target.astype(np.int64)
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(
        np.arange(len(labels)),
        train_size=n_train or 1437,
        test_size=n_test or 360,
        stratify=labels,
        random_state=seed,
    )
    return DataSet(name, images[train], labels[train], images[test], labels[test])
