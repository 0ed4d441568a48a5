"""Two or more databases of one landscape as one: `merge_databases`.

Minima are the same when their points are: within a stated distance, and after a symmetry where one is declared. They
are never joined for close energies: minima of networks are nearly degenerate. What one database tells apart stays
apart.
"""

from collections import ChainMap
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elsuite.core.files import new_folder
from elsuite.core.identity import Identity, nested_differences
from elsuite.core.machine import COMPUTED, computed_by, distinct
from elsuite.database.folders import free_folder
from elsuite.database.landscape_database import LandscapeDatabase, open_database
from elsuite.database.merge_rows import Joined, Merger
from elsuite.schema import StoreError, said_if_refused
from elsuite.symmetry import AtomSymmetry, NoSymmetry, Symmetry, UnitSymmetry, symmetry_from
from elsuite.symmetry.points import rows_at_once
from elsuite.symmetry.units import without_units


class MergeError(ValueError):
    """Databases that are not of one landscape, or whose minima cannot be recognized."""


@dataclass(frozen=True)
class MergeReport:
    """What came of a merge.

    Attributes
    ----------
    n_runs, n_minima, n_paths : int
        Of the new database.
    n_known_runs, n_known_paths : int
        Left out, since another store had the same: the same key, or the same transition state.
    n_lifted : int
        Paths that were lifted to an end whose energy is higher in the store that had it first.
    """

    n_runs: int
    n_minima: int
    n_paths: int
    joined: tuple[Joined, ...]
    n_known_runs: int
    n_known_paths: int
    n_lifted: int


def merge_databases(
    stores: Sequence[str | Path],
    into: str | Path,
    *,
    tolerance: float | None = None,
    symmetry: bool | Symmetry = False,
    cluster: bool = False,
) -> MergeReport:
    """Write the runs, minima and paths of several stores into a new one and return what was joined.

    A minimum is joined to the nearest one of an earlier store within the tolerance, by the symmetry that the stores
    declare; one to one, so that what one store tells apart stays apart. Of equally near ones the energies decide. Ids
    of the first store stay as they are. Paths lead to the joined minima; parallel ones are kept; what has the same key
    in two stores is the same work and is kept once, and so is the same transition state. The columns `origin` and
    `origin_id` say where a minimum and a path come from, the attribute ``merged`` which minima were joined, and what
    else each store said of itself.

    The store is made beside `into` and moved there when it is complete: whatever goes wrong, nothing is left.

    Parameters
    ----------
    tolerance : float, optional
        The largest distance of equal minima, in the units of their coordinates. By default 1e-6 times the length scale
        of the landscape; where the stores do not say one, that is the spread of all minima, of clusters their radius.
    symmetry : bool or Symmetry
        True: networks with their units renamed are one, as the stores declare. A symmetry takes the place of what they
        declare.
    cluster : bool
        Where the stores declare nothing: points are free clusters of atoms all alike, three coordinates an atom.

    Raises
    ------
    MergeError
        For stores of different landscapes, surfaces or widths, or without coordinates.
    StoreExistsError
        If something is at `into`.
    StoreAccessError
        If it cannot be written there.

    Examples
    --------
    Both stores have found the minimum at 1.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, points in (("a", [[0.0], [1.0]]), ("b", [[1.0], [2.0]])):
    ...         with LandscapeDatabase.create(f"{folder}/{name}", n_parameters=1, surfaces=["energy"]) as made:
    ...             _ = made.add(minima={"coordinates": points, "energy": points})
    ...     report = merge_databases([f"{folder}/a", f"{folder}/b"], f"{folder}/both")
    >>> report.n_minima, len(report.joined)
    (3, 1)
    """
    if not stores or not (tolerance is None or 0 <= tolerance < np.inf):
        raise MergeError(f"{len(stores)} stores and tolerance {tolerance} given; expected one or more, and 0 or more")
    target = free_folder(into)
    with ExitStack() as stack:
        sources = [stack.enter_context(open_database(store)) for store in stores]
        for source, store in zip(sources, stores, strict=True):
            _check_same(sources[0], source, store)
        copies = _symmetry(sources, symmetry, cluster=cluster)
        scale, resolution = _scale(sources, copies)
        # No finer than the numbers tell points apart, which far from the origin is less than the length scale does.
        within = max(1e-6 * scale, resolution) if tolerance is None else tolerance
        refused = said_if_refused(f"cannot create {target}")
        with refused, new_folder(target) as partial, _created(partial, sources) as merged:
            merger = Merger(merged, copies, within, scale, _dtype_of_curves(sources))
            for source, name in zip(sources, short_names(stores), strict=True):
                _take(merger, source, name)
            counts = merged.n_runs, merged.n_minima, merged.n_paths
    known = merger.n_known
    return MergeReport(*counts, tuple(merger.joined), known["runs"], known["paths"], merger.n_lifted)


def short_names(stores: Sequence[str | Path]) -> list[str]:
    """Return for each store the end of its path, as long as it takes to tell different ones apart.

    Examples
    --------
    >>> short_names(["one/landscape.elsuite", "two/landscape.elsuite"])
    ['one/landscape.elsuite', 'two/landscape.elsuite']
    >>> short_names(["one/a.elsuite", "one/b.elsuite", "one/a.elsuite"])
    ['a.elsuite', 'b.elsuite', 'a.elsuite']
    """
    paths = [Path(store).expanduser().absolute().parts for store in stores]
    for length in range(1, max(map(len, paths)) + 1):
        names = ["/".join(parts[-length:]) for parts in paths]
        if len(set(names)) == len(set(paths)):
            break
    return names


def _take(merger: Merger, source: LandscapeDatabase, name: str) -> None:
    try:
        merger.take(source, name)
    except StoreError:
        raise
    except (ValueError, IndexError) as error:
        raise MergeError(f"{name}: {error}; `elsuite verify` checks a store") from error


def _created(path: Path, sources: Sequence[LandscapeDatabase]) -> LandscapeDatabase:
    first = sources[0]
    wide = any(source.coordinates([]).dtype == np.float64 for source in sources)
    attributes = {k: v for k, v in first.attributes.items() if k in {"landscape", "settings"}}
    if (identity := _identity(sources)) is not None:
        attributes["identity"] = identity.as_json()
    if computed := distinct(record for source in sources for record in computed_by(source.attributes)):
        attributes[COMPUTED] = computed
    if finders := dict(ChainMap(*(source.attributes.get("finders") or {} for source in sources))):
        attributes["finders"] = finders
    return LandscapeDatabase.create(
        path,
        n_parameters=first.n_parameters,
        surfaces=first.surfaces,
        dtype="float64" if wide else "float32",
        attributes=attributes,
    )


def _dtype_of_curves(sources: Sequence[LandscapeDatabase]) -> str:
    """Return the dtype that keeps the curves of all sources as they are."""
    return str(
        np.result_type(*(s.paths["coefficients"].dtype for s in sources if "coefficients" in s.paths), np.float16)
    )


def _identity(sources: Sequence[LandscapeDatabase]) -> Identity | None:
    """Return what the first store that says so says that the landscape is."""
    stored = [source.attributes["identity"] for source in sources if source.attributes.get("identity") is not None]
    return Identity.from_json(stored[0]) if stored else None


def _symmetry(sources: Sequence[LandscapeDatabase], given: bool | Symmetry, *, cluster: bool) -> Symmetry:
    """Return by which minima are the same: what is given, or what the stores say of their landscape."""
    n, identity = sources[0].n_parameters, _identity(sources)
    if isinstance(given, Symmetry):
        if given.n_parameters != n:
            raise MergeError(f"a symmetry of {given.n_parameters} parameters given; the stores have {n}")
        return given
    declared: Symmetry = NoSymmetry(n)
    if identity is not None:
        declared = symmetry_from(identity.symmetry)
    elif _is_lennard_jones(sources[0]):
        declared = AtomSymmetry((0,) * (n // 3))
    if given and not isinstance(declared, UnitSymmetry):
        raise MergeError(
            "symmetry=True given, but the stores declare no interchangeable units; give the symmetry itself"
        )
    if cluster and isinstance(declared, NoSymmetry):
        if n % 3:
            raise MergeError(f"{n} coordinates are no atoms in space: not three an atom")
        declared = AtomSymmetry((0,) * (n // 3))
    return declared if given else without_units(declared)


def _is_lennard_jones(source: LandscapeDatabase) -> bool:
    """Return whether a store of an earlier version, without an identity, is of such a cluster."""
    stored = source.attributes.get("landscape")
    return isinstance(stored, dict) and stored.get("type") == "LennardJones" and source.n_parameters % 3 == 0


def _scale(sources: Sequence[LandscapeDatabase], symmetry: Symmetry) -> tuple[float, float]:
    """Return the length scale of the landscape, and how far apart numbers at the stored coordinates are."""
    # Where no store says the scale, the radius of clusters, else the spread of all minima together: the same for every
    # order of the stores.
    identity = _identity(sources)
    declared = 1.0 if identity is None and _is_lennard_jones(sources[0]) else None
    declared = declared if identity is None else identity.length_scale
    n, far = 0, 0.0
    origin, total, squares, radii = None, np.zeros(sources[0].n_parameters), 0.0, 0.0
    for source in sources:
        step = rows_at_once(source.n_parameters)
        for begin in range(0, source.n_minima, step):
            stored = source.coordinates(np.arange(begin, min(begin + step, source.n_minima)))
            points = stored.astype(np.float64)
            origin = points[0] if origin is None else origin
            n += len(points)
            total += (points - origin).sum(axis=0)
            squares += float(((points - origin) ** 2).sum())
            far = max(far, float(np.finfo(stored.dtype).eps * np.linalg.norm(points, axis=1).max()))
            sizes = symmetry.sizes(points)
            radii += 0.0 if sizes is None else float(sizes.sum())
    if declared is None:
        spread = float(np.sqrt(max(0.0, squares / max(n, 1) - float(((total / max(n, 1)) ** 2).sum()))))
        declared = radii / max(n, 1) if radii else spread
    return declared, far


def _check_same(first: LandscapeDatabase, source: LandscapeDatabase, store: str | Path) -> None:
    for what, a, b in [
        ("parameters", first.n_parameters, source.n_parameters),
        ("surfaces", list(first.surfaces), list(source.surfaces)),
    ]:
        if a != b:
            raise MergeError(f"{store}: {what} are {b}, those of the first store are {a}")
    if words := _other_landscape(first, source):
        raise MergeError(f"{store} is of another landscape than the first store: {'; '.join(words)}")
    if not first.n_parameters:
        raise MergeError(f"{store}: minima without coordinates cannot be recognized, and energies say nothing")


def _other_landscape(first: LandscapeDatabase, source: LandscapeDatabase) -> list[str]:
    """Return in words what two stores say otherwise of their landscapes; data go by their content, not by name."""
    identities = [store.attributes.get("identity") for store in (first, source)]
    if None not in identities:
        one, other = (Identity.from_json(identity) for identity in identities)
        return one.differences(other)
    old, new = (store.attributes.get("landscape") for store in (first, source))
    found = nested_differences(old, new, "landscape")
    return [f"{name} is {a!r} there and {b!r} here" for name, a, b in found]
