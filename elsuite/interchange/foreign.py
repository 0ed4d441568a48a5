"""A landscape on its way in or out: `ForeignLandscape`, and from and to a database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsuite.database import LandscapeDatabase

__all__ = ["ForeignLandscape", "FormatError", "from_database", "to_database"]

Floats = NDArray[np.float64]


class FormatError(ValueError):
    """A file that is not of the format it should be; the message names file and line, or row."""


@dataclass(frozen=True)
class ForeignLandscape:
    """Minima and transition states as other programs keep them.

    Attributes
    ----------
    energies : ndarray (n_minima,)
    coordinates : ndarray (n_minima, n_parameters) or None
    sources, targets : ndarray (n_states,) int
        Minima, counted from 0, that each transition state joins; equal for a degenerate rearrangement.
    heights : ndarray (n_states,)
    state_coordinates : ndarray (n_states, n_parameters) or None
    minima_columns, state_columns : dict of str to ndarray
        Further columns, such as ``log_product`` and ``point_group_order``.
    notes : tuple of str
        What was mended on the way in.
    """

    energies: Floats
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    heights: Floats
    coordinates: Floats | None = None
    state_coordinates: Floats | None = None
    minima_columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    state_columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n, m = len(self.energies), len(self.heights)
        for name, column, size in [
            ("sources", self.sources, m),
            ("targets", self.targets, m),
            *((k, v, n) for k, v in self.minima_columns.items()),
            *((k, v, m) for k, v in self.state_columns.items()),
            *(
                (k, v, s)
                for k, v, s in [
                    ("coordinates", self.coordinates, n),
                    ("state_coordinates", self.state_coordinates, m),
                ]
                if v is not None
            ),
        ]:
            if len(column) != size:
                raise FormatError(f"{name}: {len(column)} rows, expected {size}")


def to_database(
    landscape: ForeignLandscape, path: str | Path | None, *, origin: str, label: str = "imported"
) -> LandscapeDatabase:
    """Write a foreign landscape into a new database at `path` (None: in memory) and return it, open.

    All transition states are kept, parallel and degenerate ones too, as rows of `paths` of kind
    ``"transition_state"``; one below an end's energy is lifted to it.
    """
    surfaces = ("energy",)
    width = 0 if landscape.coordinates is None else landscape.coordinates.shape[1]
    database = LandscapeDatabase.create(
        path,
        n_parameters=width,
        surfaces=surfaces,
        dtype="float64",
        attributes={"origin": origin, "notes": list(landscape.notes)},
    )
    n, m = len(landscape.energies), len(landscape.heights)
    minima: dict[str, Any] = {
        "energy": landscape.energies[:, None],
        "set": [label] * n,
        "stopping": ["energy"] * n,
        **landscape.minima_columns,
    }
    if landscape.coordinates is not None:
        minima["coordinates"] = landscape.coordinates
    floor = (
        np.maximum(landscape.energies[landscape.sources], landscape.energies[landscape.targets])
        if m
        else np.empty(0)
    )
    heights = np.maximum(landscape.heights, floor)
    paths: dict[str, Any] = {
        "source": landscape.sources,
        "target": landscape.targets,
        "surface": ["energy"] * m,
        "kind": ["transition_state"] * m,
        "finder": [origin] * m,
        "height": heights,
        "refined_height": heights,
        **landscape.state_columns,
    }
    if landscape.state_coordinates is not None:
        paths["coordinates"] = landscape.state_coordinates
    database.add(minima=minima if n else None, paths=paths if m else None)
    return database


def from_database(
    database: LandscapeDatabase, *, surface: str | None = None, columns: Sequence[str] = ()
) -> ForeignLandscape:
    """Return the minima and edges of one surface of a database; paths count as transition states at their height."""
    surface = surface or database.surfaces[0]
    table, paths = database.minima, database.paths
    rows = np.flatnonzero(paths["surface"].values == surface)
    refined, plain = paths["refined_height"].values[rows], paths["height"].values[rows]
    heights = np.where(np.isfinite(refined), refined, plain)
    rows, heights = rows[np.isfinite(heights)], heights[np.isfinite(heights)]
    states = None
    if "coordinates" in paths:
        found = np.asarray(paths["coordinates"][rows].values, dtype=np.float64)
        states = found if len(found) and np.isfinite(found).all() else None
    return ForeignLandscape(
        energies=table["energy"].values[:, database.surfaces.index(surface)],
        sources=paths["source"].values[rows],
        targets=paths["target"].values[rows],
        heights=heights,
        coordinates=database.coordinates(range(database.n_minima)).astype(np.float64)
        if database.n_parameters
        else None,
        state_coordinates=states,
        minima_columns={c: table[c].values for c in columns if c in table},
        state_columns={c: paths[c].values[rows] for c in columns if c in paths},
    )
