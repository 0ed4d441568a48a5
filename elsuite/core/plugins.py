"""Tables of named things that other packages can add rows to: `PluginTable`."""

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar, final

T = TypeVar("T")


@final
class PluginTable(Mapping[str, T]):
    """Named things of one kind: this package's rows, those that were registered, and those of other packages.

    Another package adds a row by an entry point of the group ``elsuite.KIND`` in its metadata, so that study files and
    the command line know the name, in workers too; a program adds one for itself by `register`.

    Parameters
    ----------
    kind : str
        Name of the group, such as ``"finders"``.
    rows : mapping of str to thing, or to ``"module:attribute"``
        Those of this package; a text is imported on first use.
    what : str
        What messages call one of them, such as ``"path finder"``.
    of : str, optional
        ``"module:Class"`` that those of other packages must be instances of; if left out they are called, such as
        classes.

    Examples
    --------
    >>> table = PluginTable("shapes", {"square": 4}, "shape")
    >>> table.register("triangle", 3)
    >>> sorted(table), table["triangle"]
    (['square', 'triangle'], 3)
    """

    def __init__(self, kind: str, rows: Mapping[str, T | str], what: str, *, of: str = "") -> None:
        self.kind, self.what, self._of = kind, what, of
        self._rows: dict[str, Any] = dict(rows)

    @cached_property
    def _others(self) -> dict[str, EntryPoint]:
        # Looked up only when asked for: reading the metadata of all packages takes some milliseconds.
        return {entry.name: entry for entry in entry_points(group=f"elsuite.{self.kind}")}

    def __getitem__(self, name: str) -> T:
        """Return the thing with that name; raise KeyError if there is none, ValueError if it cannot be loaded."""
        if name in self._rows:
            thing = self._rows[name]
            if isinstance(thing, str):
                thing = self._rows[name] = _imported(thing)
            return thing  # type: ignore[no-any-return]
        entry = self._others[name]
        try:
            thing = entry.load()
            if not (isinstance(thing, _imported(self._of)) if self._of else callable(thing)):
                expected = self._of.rpartition(":")[2] or "class or function"
                raise TypeError(f"{expected} expected, {type(thing).__name__} given")
            self._rows[name] = thing
        except Exception as error:  # code of another package may raise anything
            raise ValueError(f"{self.what} {name!r} ({entry.value}) cannot be loaded: {error}") from error
        return self._rows[name]  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys([*self._rows, *self._others])

    def __len__(self) -> int:
        return len(set(self._rows) | set(self._others))

    def __contains__(self, name: object) -> bool:
        return name in self._rows or name in self._others

    def __repr__(self) -> str:
        return f"<{self.what}s: {', '.join(self)}>"

    def register(self, name: str, thing: T) -> None:
        """Add a row for this process; raises ValueError for a name that is taken by something else."""
        if name in self and self[name] is not thing:
            raise ValueError(f"{self.what} {name!r}: there is one with this name; choose another")
        self._rows[name] = thing

    def loadable(self) -> Iterator[tuple[str, T]]:
        """Yield name and thing of all that can be loaded: another package's that is broken is no reason to stop."""
        for name in self:
            with contextlib.suppress(ValueError):
                yield name, self[name]

    def choose(self, name: str) -> T:
        """Return the thing with that name; raises ValueError that says which there are."""
        if name not in self:
            raise ValueError(f"no {self.what} {name!r}; there are: {', '.join(sorted(self))}")
        return self[name]


def _imported(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
