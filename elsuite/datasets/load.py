"""Data sets as arrays: digits, MNIST, Fashion-MNIST, and the user's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from elsuite.core.typing import Array, Ids
from elsuite.datasets.idx import DataError
from elsuite.datasets.sources import SOURCES, read_images

DATA_SETS: Final = ("digits", *SOURCES)

Inputs = NDArray[np.float32]

# What the arrays of an .npz file are called: here, and in Keras.
_NPZ_NAMES: Final = {
    "train_inputs": "x_train",
    "train_targets": "y_train",
    "test_inputs": "x_test",
    "test_targets": "y_test",
}
_TEST_SHARE: Final = 0.2


@dataclass(frozen=True, eq=False)
class DataSet:
    """Inputs and class labels, for training and for testing.

    Attributes
    ----------
    train_inputs, test_inputs : ndarray (n_samples, height, width) float32
        Images have grey levels in [0, 1]; a user's own inputs may have any shape (n_samples, ...).
    train_targets, test_targets : ndarray (n_samples,) int64
        Class indices from 0.
    n_classes : int
        Of the whole data set, however small a subset this is; by default one more than the highest label here.

    Examples
    --------
    Three samples of two numbers, in two classes, all for training and for testing.

    >>> inputs, targets = np.float32([[0, 0], [0, 1], [1, 1]]), np.array([0, 1, 0])
    >>> DataSet("mine", inputs, targets, inputs, targets).n_classes
    2
    """

    name: str
    train_inputs: Inputs
    train_targets: Ids
    test_inputs: Inputs
    test_targets: Ids
    n_classes: int = 0

    def __post_init__(self) -> None:
        if not self.n_classes:
            highest, n_samples = int(self.train_targets.max()), len(self.train_targets) + len(self.test_targets)
            if (tested := int(self.test_targets.max())) > highest:
                raise DataError(
                    f"{self.name}: the class {tested} is among the targets for testing, and {highest} the highest for "
                    "training; give n_classes if that is meant"
                )
            if highest >= n_samples:
                raise DataError(
                    f"{self.name}: the target {highest} makes {highest + 1} classes of {n_samples} samples; give "
                    "n_classes if that is meant"
                )
            object.__setattr__(self, "n_classes", highest + 1)


def load_data(
    name: str,
    *,
    n_train: int | None = None,
    n_test: int | None = None,
    seed: int = 0,
    data_dir: str | Path | None = None,
) -> DataSet:
    """Return a data set by its name, or from an .npz file by its path.

    ``"digits"`` (1,797 images of 8 x 8) comes with scikit-learn; about a fifth of each class is kept for testing.
    ``"mnist"`` and ``"fashion-mnist"`` (70,000 images of 28 x 28) are read from a data folder, IDX files gzipped
    or not, and checked by MD5. An .npz file has the arrays ``train_inputs`` and ``train_targets`` and, else a
    fifth is kept for testing, ``test_inputs`` and ``test_targets`` (or Keras's ``x_train``, ``y_train``, ...);
    unsigned bytes are divided by 255, other inputs taken as they are.

    Parameters
    ----------
    name : str
        A name in `DATA_SETS`, or a path that ends in ``.npz``.
    n_train, n_test : int, optional
        Sizes of stratified subsets: each class has its share, to one sample.
    seed : int
        Of the split, where one is made, and of the subsets.
    data_dir : path, optional
        The data folder; by default $ELSUITE_DATA_DIR, else ``elsuite`` in the user's cache. The path of an .npz file
        is relative to it, where the file is there.

    Raises
    ------
    DataError
        (a ValueError) No such data set, a missing or damaged file, or a subset larger than the set.

    Examples
    --------
    >>> data = load_data("digits", n_train=100)
    >>> data.train_inputs.shape, data.test_inputs.shape, data.n_classes
    ((100, 8, 8), (360, 8, 8), 10)
    """
    inputs, labels, test_inputs, test_labels = _whole(name, seed, data_dir)
    train = _subset(f"{name}: n_train", labels, n_train, seed)
    test = _subset(f"{name}: n_test", test_labels, n_test, seed)
    return DataSet(
        name,
        _scaled(inputs[train]),
        labels[train].astype(np.int64),
        _scaled(test_inputs[test]),
        test_labels[test].astype(np.int64),
        n_classes=1 + int(max(labels.max(), test_labels.max())),
    )


def _whole(name: str, seed: int, data_dir: str | Path | None) -> list[Array]:
    """Return inputs and labels for training, inputs and labels for testing, as they come."""
    if name == "digits":
        from sklearn.datasets import load_digits

        bunch: Any = load_digits()
        return _split([bunch.images / 16, bunch.target], seed)
    if name in SOURCES:
        return _checked(name, list(read_images(SOURCES[name], data_dir)))
    if name.endswith(".npz"):
        beside = Path(data_dir or "").expanduser() / name
        return _from_npz(beside if beside.exists() else Path(name), seed)
    raise DataError(f"no data set {name!r}; there are {', '.join(DATA_SETS)}, and files that end in .npz")


def _from_npz(path: Path, seed: int) -> list[Array]:
    try:
        # Opened here, because numpy leaves a file that is no .npz open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[key] for name, other in _NPZ_NAMES.items() for key in (name, other) if key in file}
            keys = ", ".join(file.files)
    except Exception as error:  # a damaged file makes numpy raise anything, even errors of the tokenizer
        raise DataError(f"{path} cannot be read as .npz: {' '.join(str(error).split())}") from None
    wanted = list(_NPZ_NAMES)
    if "test_inputs" not in arrays and "test_targets" not in arrays:
        wanted = wanted[:2]
    missing = [f"{name} ({_NPZ_NAMES[name]})" for name in wanted if name not in arrays]
    if missing:
        raise DataError(f"{path} has no array {', '.join(missing)}; it has {keys or 'none'}")
    parts = _checked(str(path), [arrays[name] for name in wanted])
    return parts if len(parts) == 4 else _split(parts, seed)


def _scaled(inputs: Array) -> Inputs:
    """Return `inputs` as float32, unsigned bytes as shares of 255."""
    floats = inputs.astype(np.float32)
    return floats / np.float32(255) if inputs.dtype == np.uint8 else floats


def _checked(source: str, parts: list[Array]) -> list[Array]:
    """Return `parts`, pairs of inputs and labels, or say what does not fit."""
    for inputs, labels in zip(parts[::2], parts[1::2], strict=True):
        if inputs.ndim < 2 or labels.ndim != 1 or len(inputs) != len(labels) or not inputs.size:
            raise DataError(
                f"{source}: inputs of shape {inputs.shape} and targets of shape {labels.shape}; (n, ...) and "
                "(n,) are expected"
            )
        if labels.dtype.kind not in "iu" or labels.min() < 0:
            lowest = f", lowest {labels.min()}" if labels.dtype.kind in "iuf" else ""
            raise DataError(
                f"{source}: targets of type {labels.dtype}{lowest}; class indices, whole numbers from 0, are "
                "expected, such as np.unique(targets, return_inverse=True)[1]"
            )
        if inputs.dtype.kind not in "iuf":
            raise DataError(f"{source}: inputs of type {inputs.dtype}; finite numbers only are expected")
        if inputs.dtype.kind == "f" and not np.isfinite(inputs).all():
            wrong = np.flatnonzero(~np.isfinite(inputs.reshape(len(inputs), -1)).all(axis=1))
            more = f", and of {len(wrong) - 1} more," if len(wrong) > 1 else ""
            raise DataError(
                f"{source}: row {wrong[0]} of the inputs{more} has a value that is not finite; finite numbers only are "
                "expected"
            )
    shapes = [part.shape for part in parts[::2]]
    if len({shape[1:] for shape in shapes}) != 1:
        raise DataError(f"{source}: inputs for training and testing have shapes {shapes}; they must agree")
    classes = np.unique(parts[1])
    if classes[-1] >= (2 * len(classes) if len(classes) > 1 else 1):
        row = int(np.argmax(parts[1]))
        raise DataError(
            f"{source}: targets of {len(classes)} classes, but row {row} has {classes[-1]}; classes from 0 without "
            "gaps are expected, such as np.unique(targets, return_inverse=True)[1]"
        )
    if len(parts) == 4 and (unknown := np.setdiff1d(parts[3], classes)).size:
        row = int(np.argmax(parts[3] == unknown[0]))
        raise DataError(
            f"{source}: row {row} of the targets for testing has the class {unknown[0]}, which no sample for training "
            "has; give samples of it for training, or leave those for testing out"
        )
    return parts


def _split(parts: list[Array], seed: int) -> list[Array]:
    """Return inputs and labels for training and, about a fifth of each class, for testing."""
    inputs, labels = parts
    test = _choice(labels, round(_TEST_SHARE * len(labels) + 0.5), seed)
    train = np.setdiff1d(np.arange(len(labels)), test)
    if not len(train):
        raise DataError(f"{len(labels)} samples cannot be split into training and testing")
    return [inputs[train], labels[train], inputs[test], labels[test]]


def _subset(what: str, labels: Array, n: int | None, seed: int) -> NDArray[np.intp]:
    if n is None or n == len(labels):
        return np.arange(len(labels))
    if not 0 < n <= len(labels):
        raise DataError(f"{what} = {n} given; 1 to {len(labels)} samples are there")
    return _choice(labels, n, seed)


def _choice(labels: Array, n: int, seed: int) -> NDArray[np.intp]:
    """Return `n` rows, ascending, each class with its share of them to one sample."""
    generator = np.random.default_rng(seed)
    shuffled = generator.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    # Evenly spaced rows of a list sorted by class, from a random offset: every class gets its share.
    places = (np.arange(n) + generator.random()) * len(labels) / n
    return np.sort(by_class[places.astype(np.intp)])
