"""Content keys: the same work has the same 64-bit key, on every machine and in every order."""

import hashlib
import json
from typing import Any

__all__ = ["canonical_json", "content_key", "work_seed"]


def canonical_json(value: Any) -> str:
    """Return `value` as JSON text that does not depend on the order of keys.

    Raises
    ------
    TypeError
        For a value that JSON has no form for.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_key(*parts: Any) -> int:
    """Return the 64-bit key of some JSON values, never 0 (0 in the database means: no key).

    Examples
    --------
    >>> content_key("run", {"b": 1, "a": 2}) == content_key("run", {"a": 2, "b": 1})
    True
    """
    digest = hashlib.sha256(canonical_json(list(parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") or 1


def work_seed(key: int) -> int:
    """Return the seed, a non-negative 31-bit integer, of the work with that key."""
    return key & 0x7FFFFFFF
