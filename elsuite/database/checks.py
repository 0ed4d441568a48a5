"""What must hold between rows: ids that exist, heights not under the ends, keys that are new."""

from collections.abc import Callable, Mapping

import numpy as np

from elsuite.core.typing import Array
from elsuite.database.rows import Batch
from elsuite.schema import REFERENCES, TABLES, height_tolerance


def check_references(batches: Mapping[str, Batch], counts: Mapping[str, int]) -> None:
    """Raise ValueError unless every id in the new rows is of one of the `counts` rows before or is new too."""
    for table, batch in batches.items():
        for name, target in REFERENCES[table].items():
            if name not in batch.columns:
                continue
            ids = batch.columns[name]
            n_rows = counts[target] + (batches[target].n_rows if target in batches else 0)
            lowest = 0 if table == "paths" else -1
            bad = np.flatnonzero((ids < lowest) | (ids >= n_rows))
            if bad.size:
                raise ValueError(
                    f"{table}.{name}: row {bad[0]} has id {ids[bad[0]]}; "
                    f"ids from {lowest} to {n_rows - 1} are allowed ({n_rows} {TABLES[target].name})"
                )


def check_heights(batch: Batch, energies: Array, surfaces: tuple[str, ...]) -> None:
    """Raise ValueError if a new path's height is under the energy (n_minima, n_surfaces) of an end, beyond rounding."""
    place = {name: index for index, name in enumerate(surfaces)}
    surface = np.array([place[name] for name in batch.columns["surface"]])
    ends = np.stack([energies[batch.columns[end], surface] for end in ("source", "target")])
    for name in ("height", "refined_height"):
        if name not in batch.columns:
            continue
        with np.errstate(invalid="ignore"):
            under = batch.columns[name] < ends - height_tolerance(ends)
        if under.any():
            end, row = np.argwhere(under)[0]
            raise ValueError(
                f"paths.{name}: row {row} has {batch.columns[name][row]!r}, under the energy {ends[end, row]!r} of its "
                f"{('source', 'target')[end]} on surface {batch.columns['surface'][row]!r}; lift it to the higher end"
            )


def check_keys(batches: Mapping[str, Batch], known: Callable[[str], set[int]]) -> dict[str, set[int]]:
    """Return the new keys of each table; raises ValueError if one is there already."""
    new: dict[str, set[int]] = {}
    for table, batch in batches.items():
        keys = batch.columns.get("key")
        if keys is None or not keys.any():
            continue
        listed = keys[keys != 0].tolist()
        new[table] = set(listed)
        twice = new[table] & known(table)
        if twice or len(new[table]) < len(listed):
            key = min(twice) if twice else next(key for key in listed if listed.count(key) > 1)
            raise ValueError(f"{table}.key: {key} is {'in the database already' if twice else 'given twice'}")
    return new
