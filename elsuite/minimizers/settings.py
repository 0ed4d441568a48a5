"""Settings of a minimizer as dataclass fields that know what is allowed."""

import dataclasses
import math
from collections.abc import Collection
from typing import Any

__all__ = ["check_settings", "setting"]


@dataclasses.dataclass(frozen=True)
class _Allowed:
    least: float | None = None
    above: float | None = None
    below: float | None = None
    choices: Collection[str] = ()

    def admits(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return False
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        if self.choices:
            return ", ".join(self.choices)
        limits = {"at least": self.least, "above": self.above, "below": self.below}
        return ", ".join(f"{word} {limit:g}" for word, limit in limits.items() if limit is not None)


def setting(default: Any, **allowed: Any) -> Any:
    """Return a dataclass field with a default and what is allowed: `least`, `above`, `below` or `choices`."""
    return dataclasses.field(default=default, metadata={"allowed": _Allowed(**allowed)})


def check_settings(algorithm: Any) -> None:
    """Check every field that `setting` made; None is allowed where it is the default.

    Raises
    ------
    ValueError
        In one line: the class and the field, what was given, what is allowed.
    """
    for field in dataclasses.fields(algorithm):
        allowed, value = field.metadata.get("allowed"), getattr(algorithm, field.name)
        if allowed is None or (value is None and field.default is None) or allowed.admits(value):
            continue
        raise ValueError(f"{type(algorithm).__name__}.{field.name}: given {value!r}, allowed: {allowed}")
