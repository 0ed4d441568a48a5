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

__all__ = ["DATA_DIR_VARIABLE", "SOURCES", "ImageSource", "data_folder", "fetch_images", "read_images"]

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
    system : str
        Where a package of the operating system puts them; empty if there is none.
    mirrors : tuple of str
        Addresses that the file names, with ``.gz``, are appended to.
    md5 : tuple of str
        Of the four unpacked files.
    sha256 : tuple of str
        Of the four gzipped files on the mirrors.
    """

    name: str
    folders: tuple[str, ...]
    system: str
    mirrors: tuple[str, ...]
    md5: tuple[str, ...]
    sha256: tuple[str, ...]


SOURCES: Final = {
    "mnist": ImageSource(
        name="mnist",
        folders=("mnist", "MNIST/raw", ""),
        system="",
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
        sha256=(
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    "fashion-mnist": ImageSource(
        name="fashion-mnist",
        folders=("fashion-mnist", "FashionMNIST/raw", ""),
        system="/usr/share/datasets/fashion-mnist",
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
        sha256=(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    ),
}


def data_folder(folder: str | Path | None = None) -> Path:
    """Return the data folder: `folder`, else $ELSUITE_DATA_DIR, else ``elsuite`` in the user's cache."""
    chosen = folder or os.environ.get(DATA_DIR_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "elsuite"


def read_images(source: ImageSource, folder: str | Path | None = None) -> list[NDArray[np.uint8]]:
    """Return the four arrays of a data set, from the first place that has all of its files.

    Parameters
    ----------
    folder : path, optional
        As for `data_folder`.

    Returns
    -------
    list of ndarray of uint8
        Images and labels for training, images and labels for testing.

    Raises
    ------
    DataError
        No place has all files, or one of them is damaged.
    """
    places = [data_folder(folder) / part for part in source.folders]
    if source.system:
        places.append(Path(source.system))
    for place in places:
        paths = [_either(place / name) for name in _FILES]
        found = [path for path in paths if path is not None]
        if len(found) == len(_FILES):
            try:
                return [read_idx(path, md5=md5) for path, md5 in zip(found, source.md5, strict=True)]
            except DataError as error:
                raise DataError(f"{error}; {_two_ways(source)}") from None
    looked = ", ".join(str(place) for place in places)
    raise DataError(
        f"no data set {source.name!r}: looked for {', '.join(_FILES)} in {looked}; {_two_ways(source)}"
    )


def fetch_images(
    source: ImageSource, folder: str | Path | None = None, *, mirrors: Sequence[str] | None = None
) -> Path:
    """Download a data set and return the folder that it is in; files that are there and right are kept.

    Parameters
    ----------
    folder : path, optional
        As for `data_folder`; the files go to a folder in it that is named after the data set.
    mirrors : sequence of str, optional
        Addresses to try one after the other, instead of the source's own.

    Raises
    ------
    DataError
        No mirror gave a file with the right SHA-256.
    """
    target = data_folder(folder) / source.name
    for name, sha256 in zip(_FILES, source.sha256, strict=True):
        reasons = []
        for mirror in mirrors or source.mirrors:
            try:
                _fetch(f"{mirror.rstrip('/')}/{name}.gz", target, sha256)
                break
            except OSError as error:
                reasons.append(f"{mirror} ({_one_line(error)})")
        else:
            raise DataError(
                f"{source.name}: {name}.gz could not be fetched from {', '.join(reasons)}; put the four files "
                f"{', '.join(_FILES)}, gzipped or not, in {target} by other means"
            )
    return target


def _fetch(address: str, target: Path, sha256: str) -> None:
    with warnings.catch_warnings():
        # It warns before each retry, and when a damaged local file is fetched again.
        warnings.simplefilter("ignore")
        target.mkdir(parents=True, exist_ok=True)
        fetch_file(address, folder=str(target), sha256=sha256, n_retries=1, delay=0.5)


def _either(path: Path) -> Path | None:
    """Return `path` or its gzipped form, whichever is a file."""
    forms = (path, path.with_name(f"{path.name}.gz"))
    return next((form for form in forms if form.is_file()), None)


def _two_ways(source: ImageSource) -> str:
    return (
        f"get it by `elsuite data fetch {source.name}`, or name a folder that has it by --data-dir or "
        f"${DATA_DIR_VARIABLE}"
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
