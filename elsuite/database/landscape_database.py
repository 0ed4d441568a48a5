"""`LandscapeDatabase`: a store of runs, minima and paths that one writer extends and any number of readers read."""

import copy
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from zarr.storage import LocalStore, MemoryStore

from elsuite.core.identity import Identified
from elsuite.core.settings import check_instance
from elsuite.core.typing import Ids
from elsuite.database import arrays as za
from elsuite.database.folders import check_root, claim_folder, existing_folder, new_root
from elsuite.database.locking import WriterLock
from elsuite.database.open_store import OpenStore
from elsuite.database.rows import Batch, Context, Rows, check_heights, check_keys, check_references, make_batch
from elsuite.database.writer import Writer, create_tables
from elsuite.schema import RESERVED, TABLES, NotFoundError, StoreError, check_attributes


@dataclass(frozen=True)
class Added:
    """The ids that an `add` gave to the new rows, in the order given."""

    runs: Ids
    minima: Ids
    paths: Ids


@final
class LandscapeDatabase:
    """Runs, minima and paths of one landscape, in a store that loses nothing that was committed.

    Made by `LandscapeDatabase.create` or `open_database`.  One writer at a time extends it, any number of readers
    read whole commits.  Ids are row numbers: never reused, never renumbered.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"])
    >>> added = database.add(minima={"coordinates": [[0.0, 1.0], [1.0, 0.0]], "energy": [[-1.0], [-2.0]]})
    >>> added.minima
    array([0, 1])
    >>> added = database.add(paths=[{"source": 0, "target": 1, "height": 0.5}])
    >>> database.paths.height.values
    array([0.5])
    """

    def __init__(self, opened: OpenStore, writer: Writer | None) -> None:
        self._opened = opened
        self._writer = writer
        self._keys: dict[str, set[int]] = {}
        self._closed = False

    @classmethod
    def create(
        cls,
        path: str | Path | None,
        landscape: Identified | None = None,
        *,
        n_parameters: int | None = None,
        surfaces: Sequence[str] = (),
        dtype: Literal["float32", "float64"] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make an empty database, open for writing.

        Parameters
        ----------
        path : str, Path or None
            A folder that is not there yet, by convention NAME.elsuite; None: in memory.
        landscape : Landscape, optional
            What the minima will be of: width, surfaces and dtype are its own, and its identity is kept, so that no
            other landscape's minima or paths can come in.
        n_parameters : int, optional
            Length of a point, where no landscape is at hand.
        surfaces : sequence of str, optional
            Names of the surfaces, such as "train" and "test".
        dtype : {"float32", "float64"}, optional
            Of the coordinates; float32 without a landscape.
        attributes : mapping of str to JSON value, optional
            Kept with the store: the study file, the landscape, the finders' settings.

        Raises
        ------
        ValueError
            For bad arguments.
        StoreExistsError
            When something is at `path` already.
        LockedError
            When another process is making it at this moment.
        StoreAccessError
            When the folder cannot be written.
        """
        given = dict(attributes or {})
        if landscape is not None:
            check_instance("landscape", landscape)
            if n_parameters not in (None, landscape.n_parameters):
                raise ValueError(f"n_parameters: given {n_parameters}, the landscape has {landscape.n_parameters}")
            n_parameters = landscape.n_parameters
            missing = [name for name in landscape.surfaces if surfaces and name not in surfaces]
            if missing:
                raise ValueError(f"surfaces: given {', '.join(surfaces or ())}; the landscape has {missing[0]!r} too")
            surfaces = surfaces or landscape.surfaces
            dtype = dtype or ("float64" if landscape.dtype.itemsize > 4 else "float32")
            given |= {"identity": landscape.identity.as_json()}
        dtype = dtype or "float32"
        root = new_root(n_parameters, surfaces, dtype, given)
        if path is None:
            memory = MemoryStore()
            create_tables(memory, root, dtype)
            opened = OpenStore(memory, None)
            return cls(opened, Writer(opened, None))
        folder, lock = claim_folder(path)
        try:
            create_tables(LocalStore(folder), root, dtype)
            opened = OpenStore(LocalStore(folder), folder)
            return cls(opened, Writer(opened, lock))
        except BaseException:
            lock.release()
            raise

    @property
    def path(self) -> Path | None:
        """Folder of the store; None in memory."""
        return self._opened.path

    @property
    def writable(self) -> bool:
        """Whether rows can be added now."""
        return self._writer is not None and not self._closed

    @property
    def n_parameters(self) -> int:
        """Length of a point."""
        return self._opened.n_parameters

    @property
    def surfaces(self) -> tuple[str, ...]:
        """Names of the surfaces."""
        return self._opened.surfaces

    @property
    def n_runs(self) -> int:
        """Number of committed runs."""
        return self._opened.counts["runs"]

    @property
    def n_minima(self) -> int:
        """Number of committed minima."""
        return self._opened.counts["minima"]

    @property
    def n_paths(self) -> int:
        """Number of committed paths."""
        return self._opened.counts["paths"]

    @property
    def attributes(self) -> dict[str, Any]:
        """Free attributes of the store, as plain JSON values: a copy; `add(attributes=...)` changes them."""
        hidden = RESERVED - {"created", "format_version"}
        return {name: value for name, value in copy.deepcopy(self._opened.root).items() if name not in hidden}

    @property
    def runs(self) -> xr.Dataset:
        """Optimizations, one a row (dim `run`); `curves` is read when asked for."""
        return self._opened.dataset("runs")

    @property
    def minima(self) -> xr.Dataset:
        """Minima, one a row (dim `minimum`); `coordinates` is read when asked for."""
        return self._opened.dataset("minima")

    @property
    def paths(self) -> xr.Dataset:
        """Paths and transition states, one a row (dim `path`); profiles and coefficients are read when asked for."""
        return self._opened.dataset("paths")

    def coordinates(self, ids: ArrayLike) -> NDArray[np.floating]:
        """Return the points (n, n_parameters) of some minima; nothing else is read.

        Raises
        ------
        NotFoundError
            For an id that is no minimum's.
        ValueError
            For ids that are no whole numbers.
        """
        wanted = np.atleast_1d(np.asarray(ids))
        if wanted.size == 0:
            wanted = wanted.astype(np.int64)
        if wanted.ndim != 1 or wanted.dtype.kind not in "iu":
            raise ValueError(f"ids: expected whole numbers of shape (n,), got {wanted.dtype} of shape {wanted.shape}")
        outside = wanted[(wanted < 0) | (wanted >= self.n_minima)]
        if outside.size:
            exist = f"minima 0 to {self.n_minima - 1}" if self.n_minima else "no minima"
            raise NotFoundError(f"no minimum {outside[0]}; the database has {exist}")
        return za.read_rows(self._opened.arrays["minima"]["coordinates"], wanted)

    def add(
        self,
        *,
        runs: Rows | None = None,
        minima: Rows | None = None,
        paths: Rows | None = None,
        attributes: Mapping[str, Any] | None = None,
        sync: bool = False,
    ) -> Added:
        """Add rows to any of the tables in one commit, all of them or none, and return their ids.

        Parameters
        ----------
        runs, minima, paths : mapping of column to values, or sequence of mappings, optional
            Columns are those of the format and any further scalars. A value that is None is a missing one. Energies
            and curves may be mappings of surface to values. Ids may be those of rows in the same call.
        attributes : mapping of str to JSON value, optional
            Attributes to set in the same commit.
        sync : bool
            Return only when the rows are on the disk, so that a power loss cannot take them: before
            anything else that held them is deleted.

        Raises
        ------
        ValueError
            When a value, shape, dtype, id, key or height is not allowed; nothing was written.
        StoreError
            When the store could not be written; the last commit is intact.
        """
        writer = self._check_writable()
        plain = check_attributes(attributes or {})
        batches = self._batches(runs=runs, minima=minima, paths=paths)
        before = self._opened.counts
        new_keys = self._check(batches, before)
        root = self._opened.root | plain
        for name, batch in batches.items():
            root[TABLES[name].pointer] = before[name] + batch.n_rows
        if root != self._opened.root:
            try:
                writer.commit(batches, root, sync)
            except BaseException:
                self._keys.clear()
                raise
            for name, keys in new_keys.items():
                self._keys[name] |= keys
        elif sync:
            writer.sync()
        after = self._opened.counts
        return Added(**{name: np.arange(before[name], after[name], dtype=np.int64) for name in TABLES})

    def refresh(self) -> None:
        """See what was committed since the database was opened or refreshed."""
        self._check_open()
        if self._writer is None:
            self._opened.refresh()

    def close(self) -> None:
        """Trim the arrays to what is committed and give the lock back; what was open can still be read."""
        if not self._closed:
            self._closed = True
            if self._writer is not None:
                self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = self.path or "in memory"
        return f"<LandscapeDatabase {where}: {self.n_runs} runs, {self.n_minima} minima, {self.n_paths} paths>"

    def _repr_html_(self) -> str:
        counts = {"runs": self.n_runs, "minima": self.n_minima, "paths": self.n_paths}
        counts |= {"parameters": self.n_parameters}
        rows = "".join(f"<tr><th>{name}</th><td>{count:,}</td></tr>" for name, count in counts.items())
        title = html.escape(f"{self.path or 'in memory'}: {', '.join(self.surfaces)}")
        return f"<table><caption>{title}</caption>{rows}</table>"

    def _batches(self, **given: Rows | None) -> dict[str, Batch]:
        opened, batches = self._opened, {}
        for name, rows in given.items():
            if rows is not None:
                extra = opened.extra_columns(name)
                context = Context(
                    opened.surfaces, opened.n_parameters, opened.dtype, extra, opened.dtypes(name), opened.n_units(name)
                )
                batches[name] = make_batch(TABLES[name], rows, context)
        return {name: batch for name, batch in batches.items() if batch.n_rows}

    def _check(self, batches: Mapping[str, Batch], counts: Mapping[str, int]) -> dict[str, set[int]]:
        """Check what must hold between rows; return the new keys."""
        check_references(batches, counts)
        if "paths" in batches:
            energies = self._opened.column("minima", "energy", counts["minima"])
            if "minima" in batches:
                energies = np.concatenate([energies, batches["minima"].columns["energy"]])
            check_heights(batches["paths"], energies, self.surfaces)
        return check_keys(batches, self._known_keys)

    def _known_keys(self, table: str) -> set[int]:
        if table not in self._keys:
            keys = self._opened.column(table, "key", self._opened.counts[table])
            self._keys[table] = set(keys[keys != 0].tolist())
        return self._keys[table]

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"the database {self.path or 'in memory'} is closed")

    def _check_writable(self) -> Writer:
        self._check_open()
        if self._writer is None:
            raise StoreError(f"the database {self.path} is open for reading; open it with mode 'a' to add to it")
        self._writer.check()
        return self._writer


def open_database(path: str | Path, mode: Literal["r", "a"] = "r", *, timeout: float = 0.0) -> LandscapeDatabase:
    """Open a database to read it, or to add to it.

    Parameters
    ----------
    mode : {"r", "a"}
        "r" reads and never writes a file; "a" takes the lock and clears what a killed writer left.
    timeout : float
        Seconds to wait for another writer.

    Raises
    ------
    NotFoundError
        When nothing is at `path`.
    NotAStoreError, NewerFormatError, DamagedStoreError
        When it is no store that this program can read.
    LockedError
        When another writer holds it.
    StoreAccessError
        When the operating system refuses.
    ValueError
        For another mode, or a URL.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with LandscapeDatabase.create(f"{folder}/a.elsuite", n_parameters=1, surfaces=["energy"]) as made:
    ...         _ = made.add(minima={"coordinates": [[0.0], [1.0]], "energy": [[-2.0], [-1.0]]})
    ...     with open_database(f"{folder}/a.elsuite") as database:
    ...         database.n_minima, database.writable
    (2, False)
    """
    if mode not in {"r", "a"}:
        raise ValueError(f"mode: expected 'r' or 'a', got {mode!r}")
    folder = existing_folder(path)
    if mode == "r":
        return LandscapeDatabase(OpenStore(LocalStore(folder, read_only=True), folder), None)
    check_root(LocalStore(folder, read_only=True), folder)
    lock = WriterLock(folder, timeout)
    try:
        opened = OpenStore(LocalStore(folder), folder)
        return LandscapeDatabase(opened, Writer(opened, lock))
    except BaseException:
        lock.release()
        raise
