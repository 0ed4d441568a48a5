"""Which landscape it is (`Identity`), which piece of work (`content_key`), and the seeds of both.

A landscape says what it is: its kind, its settings, checksums of its data, and its energies at three fixed points. A
database keeps that, and every function that writes compares it first: what the words leave out, the energies tell.
"""

import hashlib
import json
import math
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

import numpy as np

from elsuite.core.representing import plain

NAMES_SHOWN = 3
"""A message names so many differences at most."""


HASHED_AT_ONCE = 2**20
"""Bytes of a point."""


class OtherLandscapeError(ValueError):
    """A database or a file belongs to another landscape; the message says what differs."""


UNSAID = {"network": ("regularization", "augmentation", "reduction", "weights", "autocast")}
"""By kind of landscape, settings that are left out where they are not used: that one has them is a difference."""


@dataclass(frozen=True)
class Identity:
    """What a landscape says it is, in JSON's types."""

    kind: str  # name of its class, or what stands for it
    settings: dict[str, Any]  # what it was made with, as far as energies depend on it
    n_parameters: int
    surfaces: tuple[str, ...]
    data: dict[str, str]  # surface to the checksum of the content of its data; empty where there are none
    points: list[list[float]] | None  # the three fixed ones, where they are short; else the landscape makes them again
    energies: list[list[float | None]]  # on every surface at the fixed points; None for one that is not finite
    precision: float  # relative: energies that agree to this are equal
    symmetry: dict[str, Any]  # `Symmetry.description`: merging asks for it
    length_scale: float | None = None  # a typical length in the landscape's own units
    energy_floor: float | None = None  # a bound under all energies, as zero is under a loss
    typical_slope: float | None = None  # the median gradient norm at the fixed points, on the first surface

    def as_json(self) -> dict[str, Any]:
        """Return it as the attribute ``identity`` of a database."""
        stored: dict[str, Any] = json.loads(json.dumps(asdict(self), allow_nan=False))
        return stored

    @classmethod
    def from_json(cls, stored: Any) -> Self:
        """Return the identity that `as_json` gave; raises ValueError for anything else."""
        try:
            known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
            found = cls(**{**known, "surfaces": tuple(known["surfaces"])})
            np.asarray(found.energies, dtype=np.float64)
        except (TypeError, KeyError, ValueError):
            raise ValueError("the attribute `identity` of the database is none") from None
        return found

    def differences(self, other: "Identity") -> list[str]:
        """Return in words what `self`, which is stored, says otherwise than `other`, which is at hand."""
        words = [
            f"{name} is {_short(old)} there and {_short(new)} here"
            for name, old, new in nested_differences(self._declared(), other._declared())
        ]
        if words:
            return [
                *words[:NAMES_SHOWN],
                *([f"and {len(words) - NAMES_SHOWN} more"] if len(words) > NAMES_SHOWN else []),
            ]
        if self.points != other.points:  # nothing can be compared: the caller computes energies at these points
            return []
        return self.other_energies(other.energies)

    def other_energies(self, energies: list[list[float | None]]) -> list[str]:
        """Return in words which of the energies at the fixed points are not those of `energies`."""
        old, new = (np.array(e, dtype=np.float64).reshape(-1, len(self.surfaces)) for e in (self.energies, energies))
        if old.shape != new.shape:
            return [f"{len(old)} fixed points there and {len(new)} here"]
        size = np.nanmax(np.abs(np.stack([old, new])), axis=(0, 1), initial=0.0)
        same = np.isnan(old) & np.isnan(new) | (np.abs(old - new) <= self.precision * size)
        for point, column in np.argwhere(~same)[:1].tolist():
            values = f"{_number(old[point, column])} there and {_number(new[point, column])} here"
            return [f"the energy on {self.surfaces[column]!r} at fixed point {point} is {values}"]
        return []

    def _declared(self) -> dict[str, Any]:
        declared = asdict(self)
        declared["settings"] = dict.fromkeys(UNSAID.get(self.kind, ())) | self.settings
        for name in ("points", "energies", "precision", "length_scale", "typical_slope"):
            declared.pop(name)
        if self.symmetry.get("kind") == "units":  # found by looking at the module: more may be found one day
            declared.pop("symmetry")
        return {**declared, "surfaces": list(self.surfaces)}


class Identified(Protocol):
    """What a database asks of the landscape that it is made for."""

    @property
    def n_parameters(self) -> int:
        """Length of a point."""

    @property
    def surfaces(self) -> tuple[str, ...]:
        """Names of the surfaces."""

    @property
    def dtype(self) -> Any:
        """Of points, torch's float32 or float64."""

    @property
    def identity(self) -> Identity:
        """What the landscape says it is."""


def nested_differences(old: Any, new: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield where two nested values of JSON differ: the name of the place and both values.

    A key that only one of them has is growth, such as a setting of a later version, and no difference.

    Examples
    --------
    >>> list(nested_differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}))
    [('a.c', 2, 3)]
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in (key for key in old if key in new):
            yield from nested_differences(old[key], new[key], f"{name}.{key}" if name else str(key))
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        for k, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from nested_differences(a, b, f"{name}[{k}]")
    elif old != new:
        yield name, old, new


def checksum(*arrays: Any) -> str:
    """Return the checksum of the content of some arrays: their types, shapes and values, by SHA-256.

    Examples
    --------
    >>> checksum(np.zeros(2)) == checksum(np.zeros(2)), checksum(np.zeros(2)) == checksum(np.zeros((2, 1)))
    (True, False)
    """
    return checksum_in_pieces(*((array.shape, [array]) for array in arrays))


def checksum_in_pieces(*arrays: tuple[tuple[int, ...], Iterable[Any]]) -> str:
    """Return what `checksum` does, of arrays of known shapes that are read in pieces along the first axis.

    Examples
    --------
    >>> checksum_in_pieces(((3,), [np.zeros(2), np.zeros(1)])) == checksum(np.zeros(3))
    True
    """
    digest = hashlib.sha256()
    for shape, pieces in arrays:
        for k, piece in enumerate(pieces):
            values = np.ascontiguousarray(piece)
            values = values.astype(values.dtype.newbyteorder("<"), copy=False)
            if not k:
                digest.update(f"{values.dtype.str} {shape}".encode())
            digest.update(values.reshape(-1).view(np.uint8).data)
    return f"sha256:{digest.hexdigest()}"


def plain_settings(value: Any) -> Any:
    """Return what something was made with in JSON's types: arrays as their checksums, anything else by its name."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain_settings(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_settings(item) for item in value]
    if callable(item := getattr(value, "item", None)) and not getattr(value, "shape", None):
        return plain_settings(item())  # a number of numpy or torch
    if hasattr(value, "shape") and callable(getattr(value, "tolist", None)):
        return checksum(np.asarray(value))
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        fields = {name: plain_settings(getattr(value, name)) for name in value.__dataclass_fields__}
        return {"kind": type(value).__name__, **fields}
    return getattr(value, "__qualname__", type(value).__qualname__)


def canonical_json(value: Any) -> str:
    """Return `value` as JSON text that does not depend on the order of keys; raises TypeError for what JSON lacks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_of_numpy)


def _of_numpy(value: Any) -> Any:
    if (same := plain(value)) is value:
        raise TypeError(f"{type(value).__name__} given, allowed: what JSON has")
    return same


def content_key(*parts: Any) -> int:
    """Return the 64-bit key of some JSON values, never 0 (0 in the database means: no key).

    Examples
    --------
    >>> content_key("run", {"b": 1, "a": 2}) == content_key("run", {"a": 2, "b": 1})
    True
    """
    digest = hashlib.sha256(canonical_json(list(parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") or 1


def content_key_of(kind: str, name: str, values: Any) -> int:
    """Return ``content_key(kind, name, values.tobytes().hex())`` of an array, without the text, 16 times as long.

    Examples
    --------
    >>> point = np.array([1.5, -2.0])
    >>> content_key_of("solution", "sgd/train", point) == content_key("solution", "sgd/train", point.tobytes().hex())
    True
    """
    before, after = canonical_json([kind, name, ""])[:-2], '"]'
    digest = hashlib.sha256(before.encode())
    content = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    for begin in range(0, len(content), HASHED_AT_ONCE):
        digest.update(content[begin : begin + HASHED_AT_ONCE].tobytes().hex().encode())
    digest.update(after.encode())
    return int.from_bytes(digest.digest()[:8], "big") or 1


def retry_key(key: int, attempt: int) -> int:
    """Return the key of the row of an attempt at the work with `key`; of the first, number 0, it is `key`."""
    return content_key("retry", key, attempt) if attempt else key


def last_attempt(key: int, known: Container[int]) -> int:
    """Return the number of the last attempt at the work with `key` whose row is among the `known` keys."""
    attempt = 0
    while key and retry_key(key, attempt + 1) in known:
        attempt += 1
    return attempt


def superseded(failed: Iterable[int], known: Container[int]) -> set[int]:
    """Return which of the keys of `failed` attempts are not the last: among the `known` ones is that of a later one.

    Examples
    --------
    >>> superseded([7, 8], {7, 8, retry_key(7, 1)})
    {7}
    """
    return {retry_key(key, attempt) for key in failed for attempt in range(last_attempt(key, known))}


def work_seed(key: int) -> int:
    """Return the seed, a non-negative 31-bit integer, of the work with that key."""
    return key & 0x7FFFFFFF


def start_seeds(seed: int, n_starts: int) -> list[int]:
    """Return the seeds of the starts of one sampling; more starts begin with the same ones.

    Seeds of different samplings do not overlap as 0, 1, 2, ... and 1, 2, 3, ... would.

    Examples
    --------
    >>> start_seeds(0, 2) == start_seeds(0, 3)[:2]
    True
    """
    return [int(word) for word in np.random.SeedSequence(seed).generate_state(n_starts)]


def _short(value: Any) -> str:
    if isinstance(value, str) and value.startswith("sha256:"):
        return value[:15]
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _number(value: float) -> str:
    return "not finite" if math.isnan(value) else f"{value:.10g}"
