"""Foreign landscapes into a database and out of one: `to_database`, `from_database`."""

from pathlib import Path
from typing import Any

import numpy as np

from elsuite.core.files import new_folder
from elsuite.core.typing import Array, Floats, Ids
from elsuite.database import LandscapeDatabase, open_database
from elsuite.database.declared import joins_isomers
from elsuite.database.folders import free_folder
from elsuite.database.query import choose_surface, left_out_in_words, n_left_out, usable_minima
from elsuite.interchange.foreign import ForeignLandscape
from elsuite.network import path_heights
from elsuite.network.transition import Joins, chosen_joins, copies_in_words
from elsuite.schema import KINDS, TABLES, said_if_refused

SURFACE = "energy"


def to_database(
    landscape: ForeignLandscape, path: str | Path | None, *, origin: str, label: str = "imported"
) -> LandscapeDatabase:
    """Write a foreign landscape into a new database at `path` (None: in memory) and return it, open for writing.

    It has the one surface ``"energy"``, and no parameters where no coordinates are known.
    All transition states are kept, parallel and degenerate ones too, as rows of `paths`; one below an end's energy is
    lifted to it. What was mended is said in the attribute ``notes``. The store is made beside `path` and moved there
    when it is complete: whatever goes wrong, nothing is left at `path`.

    Parameters
    ----------
    origin : str
        The format, and what the column ``finder`` says.
    label : str
        The set of the minima, unless they bring the column ``set``.

    Raises
    ------
    StoreExistsError
        If something is at `path`.
    StoreAccessError
        If it cannot be written there.

    Examples
    --------
    >>> import numpy as np
    >>> ends = (np.array([0, 0]), np.array([1, 1]))
    >>> landscape = ForeignLandscape(np.array([-2.0, -1.0]), *ends, heights=np.array([0.5, -1.5]))
    >>> database = to_database(landscape, None, origin="example")
    >>> database.paths["height"].values, database.attributes["notes"]
    (array([ 0.5, -1. ]), ['1 of 2 transition states lay below an end, by 0.5 at most, and were lifted to it'])
    """
    if path is None:
        return _filled(None, landscape, origin, label)
    target = free_folder(path)
    with said_if_refused(f"cannot create {target}"), new_folder(target) as partial:
        _filled(partial, landscape, origin, label).close()
    return open_database(target, mode="a")


def _filled(path: Path | None, landscape: ForeignLandscape, origin: str, label: str) -> LandscapeDatabase:
    heights, lifted = _lifted(landscape)
    database = LandscapeDatabase.create(
        path,
        n_parameters=landscape.n_parameters,
        surfaces=(SURFACE,),
        dtype="float64",
        attributes={"origin": origin, "notes": [*landscape.notes, *lifted]},
    )
    minima: dict[str, Any] = {"energy": landscape.energies[:, None], "set": label, "stopping": SURFACE}
    paths: dict[str, Any] = {
        "source": landscape.sources,
        "target": landscape.targets,
        "surface": SURFACE,
        "kind": landscape.kind,
        "finder": origin,
        "height": heights,
        "refined_height": heights,
    }
    points, state_points = landscape.coordinates, landscape.state_coordinates
    if points is not None:
        minima["coordinates"] = points
    if state_points is not None and not np.isnan(state_points).all():
        paths["coordinates"] = state_points
    try:
        database.add(
            minima=minima | _storable(landscape.minima_columns) if len(landscape.energies) else None,
            paths=paths | _storable(landscape.state_columns) if len(heights) else None,
        )
    except BaseException:
        database.close()
        raise
    return database


def _lifted(landscape: ForeignLandscape) -> tuple[Floats, tuple[str, ...]]:
    """Return the heights, none below an end, and the note that says how many were."""
    heights, energies = landscape.heights, landscape.energies
    if not len(heights):
        return heights, ()
    floor = np.maximum(energies[landscape.sources], energies[landscape.targets])
    low = heights < floor
    if not low.any():
        return heights, ()
    depth = float((floor - heights)[low].max())
    what = "transition states" if landscape.kind == KINDS[1] else "edges"
    note = f"{int(low.sum())} of {len(heights)} {what} lay below an end, by {depth:.3g} at most, and were lifted to it"
    return np.maximum(heights, floor), (note,)


def _storable(columns: Any) -> dict[str, Any]:
    """Return columns with text as lists: the store takes no arrays of numpy's fixed width."""
    return {name: c.tolist() if c.dtype.kind in "UTO" else c for name, c in columns.items()}


def from_database(
    database: LandscapeDatabase, *, surface: str | None = None, joins: Joins | None = None
) -> ForeignLandscape:
    """Return the minima and edges of one surface of a database; paths count at their refined height.

    Kept are coordinates, sets, kinds, finders, and all columns that the format of the store does not name. Minima that
    are no solutions, and paths to one, without a finite height, or to copies where points are joined, are left out: a
    note says how many.

    Parameters
    ----------
    joins : {"points", "isomers"}, optional
        As in `elsuite.network.transition_network`.

    Raises
    ------
    NotFoundError
        For a surface that the database does not have.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(
    ...     minima={"energy": [[-2.0], [-1.0]]}, paths={"source": [0, 0], "target": [1, 1], "height": [0.5, None]}
    ... )
    >>> landscape = from_database(database)
    >>> landscape.heights.tolist(), landscape.notes
    ([0.5], ('1 paths without a height left out',))
    """
    surface = choose_surface(database, surface)
    found, usable = path_heights(database, surface, joins="isomers"), usable_minima(database, surface)
    minima, paths = database.minima, database.paths
    ids, place = np.flatnonzero(usable), np.cumsum(usable) - 1
    energies = minima["energy"].values[ids, database.surfaces.index(surface)]
    notes = [f"{line} left out" for line in left_out_in_words(*n_left_out(database, surface), surface)]
    between = usable[paths["source"].values] & usable[paths["target"].values]
    n_rows = int(((paths["surface"].values == surface) & between).sum())
    if n_rows > len(found.paths):
        notes.append(f"{n_rows - len(found.paths)} paths without a height left out")
    if chosen_joins(database, joins) == "points":
        to_copies = joins_isomers(database)[found.paths]
        found = found.select(~to_copies)
        if n_copies := int(to_copies.sum()):
            notes.append(copies_in_words(n_copies) + " left out")
    state_points = None
    if "coordinates" in paths and len(found.paths):
        state_points = np.asarray(paths["coordinates"].values[found.paths], dtype=np.float64)
    return ForeignLandscape(
        energies=energies,
        sources=place[found.sources],
        targets=place[found.targets],
        heights=found.heights,
        coordinates=database.coordinates(ids).astype(np.float64) if database.n_parameters else None,
        state_coordinates=None if state_points is None or np.isnan(state_points).all() else state_points,
        minima_columns=_free_columns(minima, "minima", ids, ("set",)),
        state_columns=_free_columns(paths, "paths", found.paths, ("kind", "finder")),
        notes=tuple(notes),
    )


def _free_columns(table: Any, name: str, rows: Ids, named: tuple[str, ...]) -> dict[str, Array]:
    """Return the columns of one value a row that the format does not name, and those of `named`."""
    own = set(TABLES[name].columns)
    columns = {}
    for column, values in table.data_vars.items():
        if values.ndim == 1 and (column not in own or column in named):
            array = values.values[rows]
            columns[str(column)] = array if array.dtype.kind in "iuf" else array.astype(np.str_)
    return columns
