"""Values computed of a database for pictures, kept in its store: planes, surfaces, interpolations, densities.

They are named arrays under ``computed/NAME``. The attribute `LISTED` of the root names those that are whole: it is
written after them, so that what a killed writer left does not exist for readers. A name follows from what the values
are of, so that the same values are computed once, and what is stored never changes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from elsuite.core.identity import content_key
from elsuite.core.representing import plain
from elsuite.core.typing import Ids
from elsuite.database import arrays as za
from elsuite.database.landscape_database import LandscapeDatabase
from elsuite.schema import COMPUTED_DTYPES, COMPUTED_GROUP, COMPUTED_LIST, DamagedStoreError, NotFoundError

_IDS = "ids"
"""The attribute of an array of ids: the table that they are of."""
_ARRAYS = "arrays"
"""The attribute of a group in the store: the names of its arrays, so that a missing one is noticed."""


def computed_name(kind: str, minima: Sequence[int], surface: str, settings: Mapping[str, Any]) -> str:
    """Return the name of values of this kind, of these minima in this order, on a surface, with JSON settings.

    Examples
    --------
    >>> computed_name("plane", (3, 7, 9), "train", {"n": 25})
    'plane-4737f6534cae017c'
    """
    key = content_key(kind, [int(i) for i in minima], surface, plain(dict(settings)))
    return f"{kind}-{key:016x}"


def store_computed(
    database: LandscapeDatabase, dataset: xr.Dataset, *, attributes: Mapping[str, Any] | None = None
) -> str:
    """Keep computed values in a database and return their name: that of `computed_name` for what their attributes say.

    Parameters
    ----------
    dataset : Dataset
        Arrays of float64, float32, int64 or words, and coordinates of its dims. Its attributes are JSON, and among them
        are `kind` (one word), `minima` (ids), `surface` and `settings`. An array of ids has the attribute ``ids``: the
        table that they are of.
    attributes : mapping of str to JSON value, optional
        Of the database, set in the same commit.

    Raises
    ------
    ValueError
        For other types, or values of this name that are there already.
    StoreError
        When the store cannot be written, or is open for reading; nothing is listed then.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(minima={"energy": [[0.0]]})
    >>> said = {"kind": "density", "minima": [0], "surface": "energy", "settings": {"n_steps": 2}}
    >>> name = store_computed(database, xr.Dataset({"nodes": ("step", [0.5, 2.0])}, attrs=said))
    >>> computed(database, name).nodes.values
    array([0.5, 2. ])
    """
    writer_of = database._check_writable()
    said = plain(dict(dataset.attrs))
    missing = [name for name in ("kind", "minima", "surface", "settings") if name not in said]
    if missing or not str(said["kind"]).isidentifier():
        raise ValueError(f"attributes {said} given; kind (one word), minima, surface and settings are expected")
    name = computed_name(said["kind"], said["minima"], said["surface"], said["settings"])
    listed = computed_values(database)
    if name in listed:
        raise ValueError(f"the database has {name} already; stored values never change")
    variables = {str(key): _variable(str(key), dataset[key]) for key in [*dataset.data_vars, *dataset.coords]}
    if unknown := sorted({str(key) for key in dataset.coords} - {str(dim) for dim in dataset.dims}):
        raise ValueError(f"coordinates {', '.join(unknown)} given; only those of dims are allowed")
    store = database._opened.store
    za.delete_groups(store, COMPUTED_GROUP, keep=listed)  # what a killed writer left
    za.write_group(store, f"{COMPUTED_GROUP}/{name}", variables, {**said, _ARRAYS: sorted(variables)})
    writer_of.note_group(f"{COMPUTED_GROUP}/{name}")
    entry = {key: said[key] for key in ("kind", "minima", "surface")}
    database.add(attributes={COMPUTED_LIST: {**listed, name: entry}, **(attributes or {})})
    return name


def computed_values(database: LandscapeDatabase) -> dict[str, dict[str, Any]]:
    """Return what is stored: name to `kind`, `minima` (ids) and `surface`, in the order in which they came.

    Raises
    ------
    DamagedStoreError
        When the list of the store is none.

    Examples
    --------
    >>> computed_values(LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"]))
    {}
    """
    listed = database.attributes.get(COMPUTED_LIST, {})
    if problem := listing_problem(listed):
        raise DamagedStoreError(f"{database.path or 'the database in memory'}: {problem}")
    found: dict[str, dict[str, Any]] = listed
    return found


def listing_problem(listed: Any) -> str:
    """Return what is wrong with the list of computed values of a store, "" where nothing is.

    Examples
    --------
    >>> listing_problem({"plane-1": {"kind": "plane"}})
    "the root's computed_values has an entry 'plane-1' without kind, minima and surface"
    """
    if not isinstance(listed, dict):
        return f"the root's {COMPUTED_LIST} is {listed!r:.40}, an object is expected"
    for name, entry in listed.items():
        whole = isinstance(entry, dict) and isinstance(entry.get("kind"), str) and isinstance(entry.get("surface"), str)
        ids = entry.get("minima") if whole else None
        if not isinstance(ids, list) or not all(type(i) is int for i in ids) or not re.fullmatch(r"[\w-]+", name):
            return f"the root's {COMPUTED_LIST} has an entry {name!r} without kind, minima and surface"
    return ""


def computed(database: LandscapeDatabase, name: str) -> xr.Dataset:
    """Return stored values by their name, all of them read.

    Raises
    ------
    NotFoundError
        When no values of this name are stored.
    DamagedStoreError
        When they cannot be read.

    Examples
    --------
    >>> computed(LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"]), "plane-0")
    Traceback (most recent call last):
        ...
    elsuite.schema.NotFoundError: no computed values 'plane-0'; there are: none
    """
    listed = computed_values(database)
    if name not in listed:
        raise NotFoundError(f"no computed values {name!r}; there are: {', '.join(listed) or 'none'}")
    return read_computed(database._opened.store, name)


def read_computed(store: Any, name: str) -> xr.Dataset:
    """Return the values of a name from a zarr store, listed or not; raises DamagedStoreError."""
    attributes, variables = za.read_group(store, f"{COMPUTED_GROUP}/{name}")
    if sorted(variables) != (expected := attributes.pop(_ARRAYS, None)):
        raise DamagedStoreError(f"{COMPUTED_GROUP}/{name} has the arrays {sorted(variables)}, its list says {expected}")
    try:
        every = {key: xr.Variable(item.dims, item.values, dict(item.attributes)) for key, item in variables.items()}
        dims = {dim for item in variables.values() for dim in item.dims}
        coordinates = {key: value for key, value in every.items() if key in dims}
        rest = {key: value for key, value in every.items() if key not in dims}
        return xr.Dataset(rest, coordinates, attributes)
    except ValueError as error:
        text = " ".join(str(error).split())
        raise DamagedStoreError(f"{COMPUTED_GROUP}/{name} holds arrays that do not fit together: {text}") from error


def latest_computed(
    database: LandscapeDatabase, kind: str, *, minima: Sequence[int] = (), surface: str | None = None
) -> xr.Dataset | None:
    """Return the values of a kind that were stored last, of these minima in any order (of any: none given), else None.

    Examples
    --------
    >>> latest_computed(LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"]), "plane") is None
    True
    """
    fitting = [
        name
        for name, entry in computed_values(database).items()
        if entry["kind"] == kind
        and (not len(minima) or sorted(entry["minima"]) == sorted(minima))
        and surface in {None, entry["surface"]}
    ]
    return computed(database, fitting[-1]) if fitting else None


def carry_computed(source: LandscapeDatabase, merged: LandscapeDatabase, minima: Ids, paths: Ids) -> None:
    """Take over the computed values of a store, ids renumbered: `minima` and `paths` are the new ids, -1 for none.

    Values of a minimum without a new id are left out: another point stands for it, perhaps with its units renamed.
    """
    for name in computed_values(source):
        values = computed(source, name)
        ids = np.asarray(values.attrs.get("minima", []), dtype=np.int64)
        if len(ids) and (ids.min() < 0 or ids.max() >= len(minima) or (minima[ids] < 0).any()):
            continue
        said = {**values.attrs, "minima": minima[ids].tolist()}
        for key in [*values.data_vars, *values.coords]:
            new = {"minima": minima, "paths": paths}.get(values[key].attrs.get(_IDS, ""))
            if new is not None:
                known = values[key].values
                inside = (known >= 0) & (known < len(new))
                moved = np.where(inside, new[np.where(inside, known, 0)] if len(new) else -1, -1)
                values[key] = (values[key].dims, moved.astype(np.int64), values[key].attrs)
        values.attrs = said
        if computed_name(said["kind"], said["minima"], said["surface"], said["settings"]) not in computed_values(
            merged
        ):
            store_computed(merged, values)


def _variable(name: str, array: xr.DataArray) -> za.Variable:
    values = np.asarray(array.values)
    values = values.astype(object) if values.dtype.kind in "TUO" else values
    dtype = "str" if values.dtype == object else str(values.dtype)
    if dtype not in COMPUTED_DTYPES or not array.dims:
        shape = f"{values.dtype} of shape {values.shape}"
        raise ValueError(f"{name}: {shape} given; arrays of {', '.join(COMPUTED_DTYPES)} with a dim are allowed")
    return za.Variable(tuple(map(str, array.dims)), values, plain(dict(array.attrs)))
