"""Files on their way in and out: whole or not at all, never a device, never over what is there."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from elsuite.interchange.foreign import FormatError

LARGEST = 2**33


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a FormatError."""
    try:
        yield
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from None


def read_bytes(path: Path, what: str) -> bytes:
    """Return the content of a regular file of at most 8 GiB; raises FormatError that says `what` was expected."""
    if (size := check_readable(path, what)) > LARGEST:
        raise FormatError(f"{path}: {size} bytes, at most {LARGEST} are read")
    with _reading(path):
        return path.read_bytes()


def check_readable(path: Path, what: str) -> int:
    """Return the size of a regular file; raises FormatError for anything else, and says `what` was expected."""
    with _reading(path):
        if not path.exists():
            raise FormatError(f"{path}: not there")
        if not path.is_file():
            raise FormatError(f"{path}: {'a folder' if path.is_dir() else 'no regular file'}, expected {what}")
        return path.stat().st_size


@contextmanager
def new_files(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Yield places to write to, which become `paths` at the end; raises FormatError if something is there already."""
    for path in paths:
        if path.exists():
            raise FormatError(f"{path}: is there already; remove it or choose another place")
    mark = f".{uuid.uuid4().hex[:8]}.partial"
    partial = tuple(path.with_name(f".{path.name}{mark}") for path in paths)
    try:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        for source, target in zip(partial, paths, strict=True):
            source.replace(target)
    finally:
        for path in partial:
            path.unlink(missing_ok=True)


def write_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files of these names and contents into a folder, all of them or none."""
    with new_files(*(folder / name for name in contents)) as places:
        for place, content in zip(places, contents.values(), strict=True):
            place.write_bytes(content)


def read_head(path: Path, head: bytes, what: str) -> int:
    """Return the size of a regular file; raises FormatError if it cannot be read or does not begin with `head`."""
    size = check_readable(path, what)
    with _reading(path), path.open("rb") as file:
        if file.read(len(head)) != head:
            raise FormatError(f"{path}: not {what}")
    return size
