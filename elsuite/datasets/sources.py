"""Where the data sets in IDX format are found, fetched from, and how they are told from damaged ones."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import fetch_file

from elsuite.datasets.idx import DataError, read_idx

DATA_DIR_VARIABLE: Final = "ELSUITE_DATA_DIR"

_FILES: Final = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class ImageSource:
    """One data set of four IDX files: images and labels for training, images and labels for testing.

    Attributes
    ----------
    folders : tuple of str
        Where its files may lie in a data folder.
    mirrors : tuple of str
        Addresses that the file names, with ``.gz``, are appended to.
    md5 : tuple of str
        Of the four unpacked files.
    """

    name: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    md5: tuple[str, ...]


SOURCES: Final = {
    "mnist": ImageSource(
        name="mnist",
        folders=("mnist", "MNIST/raw", ""),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        md5=(
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ),
    ),
    "fashion-mnist": ImageSource(
        name="fashion-mnist",
        folders=("fashion-mnist", "FashionMNIST/raw", ""),
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        md5=(
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "9018921c3c673c538a1fc5bad174d6f9",
            "8181f5470baa50b63fa0f6fddb340f0a",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
    ),
}


def data_directory(data_dir: str | Path | None = None) -> Path:
    """Return the data folder: `data_dir`, else $ELSUITE_DATA_DIR, else ``elsuite`` in the user's cache."""
    chosen = data_dir or os.environ.get(DATA_DIR_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "elsuite"


def read_images(source: ImageSource, data_dir: str | Path | None = None) -> list[NDArray[np.uint8]]:
    """Return images and labels for training, then for testing, from the first place that has all four files.

    Raises
    ------
    DataError
        No place has all files, or one of them is damaged.
    """
    ways = (
        f"get it by `elsuite data fetch {source.name}`, or name a folder that has it by --data-dir or "
        f"${DATA_DIR_VARIABLE}"
    )
    places = [data_directory(data_dir) / part for part in source.folders]
    for place in places:
        found = [path for path in (_either(place / name) for name in _FILES) if path is not None]
        if len(found) == len(_FILES):
            try:
                return [read_idx(path, md5=md5) for path, md5 in zip(found, source.md5, strict=True)]
            except DataError as error:
                raise DataError(f"{error}; {ways}") from None
    looked = ", ".join(str(place) for place in places)
    raise DataError(f"no data set {source.name!r}: looked for {', '.join(_FILES)} in {looked}; {ways}")


def fetch_data(name: str, data_dir: str | Path | None = None, *, mirrors: Sequence[str] | None = None) -> Path:
    """Download a data set, checked by its MD5, and return the folder that it is in.

    Files that are there already and right are kept; damaged ones are fetched again.

    Parameters
    ----------
    name : {"mnist", "fashion-mnist"}
    data_dir : path, optional
        The data folder, as for `load_data`; the files go to the folder `name` in it.
    mirrors : sequence of str, optional
        Addresses that the file names are appended to, tried one after the other.

    Raises
    ------
    DataError
        A data set that needs no download or is not known, or one that could not be had.

    Examples
    --------
    What needs no download says so; ``fetch_data("mnist")`` returns the folder with its four files.

    >>> fetch_data("digits")
    Traceback (most recent call last):
    elsuite.datasets.idx.DataError: digits comes with scikit-learn; there is nothing to fetch
    """
    if name == "digits":
        raise DataError("digits comes with scikit-learn; there is nothing to fetch")
    if name not in SOURCES:
        raise DataError(f"no data set {name!r} to fetch; there are {', '.join(SOURCES)}")
    target = data_directory(data_dir) / name
    for file, md5 in zip(_FILES, SOURCES[name].md5, strict=True):
        reasons = []
        for mirror in mirrors or SOURCES[name].mirrors:
            try:
                _fetch(f"{mirror.rstrip('/')}/{file}.gz", target, md5)
                break
            except (OSError, DataError) as error:
                reasons.append(f"{mirror} ({' '.join(str(error).split()) or type(error).__name__})")
        else:
            raise DataError(
                f"{name}: {file}.gz could not be fetched from {', '.join(reasons)}; put the four files "
                f"{', '.join(_FILES)}, gzipped or not, in {target} by other means"
            )
    return target


def _fetch(address: str, target: Path, md5: str) -> None:
    """Download a file that is not there, or damaged; one that comes damaged is deleted again."""
    place = target / address.rpartition("/")[2]
    if place.exists():
        try:
            read_idx(place, md5=md5)
            return
        except DataError:
            place.unlink()
    target.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns before each retry
        fetch_file(address, folder=str(target), n_retries=1, delay=0.5)
    try:
        read_idx(place, md5=md5)
    except DataError:
        place.unlink()
        raise


def _either(path: Path) -> Path | None:
    """Return `path` or its gzipped form, whichever is a file."""
    forms = (path, path.with_name(f"{path.name}.gz"))
    return next((form for form in forms if form.is_file()), None)
