"""Two or more databases of one landscape as one: `merge_databases`.

Minima are the same when their points are: within a stated distance, and after a symmetry where one is declared. They
are never joined for close energies: minima of networks are nearly degenerate. What one database tells apart stays
apart.
"""

import shutil
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from elsuite.core.identity import Identity, nested_differences
from elsuite.database import LandscapeDatabase, open_database
from elsuite.exploration.merge_rows import Joined, Merger
from elsuite.exploration.sameness import Sameness
from elsuite.landscapes import LennardJones
from elsuite.schema import StoreAccessError, StoreError, StoreExistsError
from elsuite.symmetry.atoms import is_cluster

__all__ = ["Joined", "MergeError", "MergeReport", "merge_databases"]


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
    tolerance: float = 1e-6,
    symmetry: bool = False,
    cluster: bool = False,
    data_dir: str | Path | None = None,
) -> MergeReport:
    """Write the runs, minima and paths of several stores into a new one and return what was joined.

    Two minima of different stores are one when their distance is at most `tolerance`, times the norm of their
    coordinates where that is above 1. Clusters are compared turned, mirrored and relabeled, where the stores say that
    they are of one or with `cluster`; networks with their units permuted with `symmetry`. A minimum is joined to
    the nearest such one. Ids of the first store stay as they are. Paths lead to the joined minima; parallel ones are
    kept; what has the same key in two stores is the same work and is kept once, and so is the same transition state.
    The columns `origin` and `origin_id` say where a minimum and a path come from, the attribute ``merged`` which
    minima were joined, and what else each store said of itself.

    The store is made beside `into` and moved there when it is complete: whatever goes wrong, nothing is left.

    Raises
    ------
    MergeError
        For stores of different landscapes, surfaces or widths, or without coordinates.
    StoreExistsError
        If something is at `into`.
    StoreAccessError
        If it cannot be written there.
    """
    if not stores or not 0 <= tolerance < np.inf:
        raise MergeError(
            f"{len(stores)} stores and tolerance {tolerance} given; expected one or more, and 0 or more"
        )
    target = _free_target(into)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    with ExitStack() as stack:
        sources = [stack.enter_context(open_database(store)) for store in stores]
        for source, store in zip(sources, stores, strict=True):
            _check_same(sources[0], source, store)
        sameness = _sameness(sources[0], tolerance, (symmetry, cluster), data_dir)
        try:
            with _created(partial, sources) as merged:
                merger = Merger(merged, sameness)
                for source, name in zip(sources, short_names(stores), strict=True):
                    _take(merger, source, name)
                counts = merged.n_runs, merged.n_minima, merged.n_paths
            partial.rename(target)
        except OSError as error:
            raise StoreAccessError(f"cannot create {target}: {error.strerror or error}") from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
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


def _free_target(into: str | Path) -> Path:
    target = Path(into).expanduser()
    if "://" in str(into):
        raise StoreAccessError(f"{into}: only folders on a file system are supported, no URLs")
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise StoreExistsError(f"{target} is there already; choose another name")
    except OSError as error:
        raise StoreAccessError(f"cannot create {target}: {error.strerror or error}") from error
    return target


def _created(path: Path, sources: Sequence[LandscapeDatabase]) -> LandscapeDatabase:
    first = sources[0]
    widest: Literal["float32", "float64"] = "float32"
    if any(source.coordinates([]).dtype == np.float64 for source in sources):
        widest = "float64"
    attributes = {k: v for k, v in first.attributes.items() if k in {"landscape", "settings"}}
    finders: dict[str, Any] = {}
    for source in sources:
        finders = {**(source.attributes.get("finders") or {}), **finders}
    if finders:
        attributes["finders"] = finders
    return LandscapeDatabase.create(
        path,
        n_parameters=first.n_parameters,
        surfaces=first.surfaces,
        dtype=widest,
        attributes=attributes,
    )


def _sameness(
    database: LandscapeDatabase, tolerance: float, symmetries: tuple[bool, bool], data_dir: str | Path | None
) -> Sameness:
    """Return when minima are the same, by what the first store says of its landscape and what was asked for."""
    from elsuite.studies.build import stored_landscape
    from elsuite.studies.stored import landscape_of_database

    symmetry, cluster = symmetries
    plain = Sameness(database.n_parameters, tolerance)
    if cluster:
        if database.n_parameters % 3:
            raise MergeError(f"{database.n_parameters} coordinates are no atoms in space: not three an atom")
        return replace(plain, landscape=LennardJones(database.n_parameters // 3))  # for its symmetry only
    identity = database.attributes.get("landscape")
    if isinstance(identity, dict) and "type" in identity:
        try:
            landscape = landscape_of_database(database)
        except ValueError:  # a surface of the user's own: nothing is known of its symmetry
            return plain
        return replace(plain, landscape=landscape) if is_cluster(landscape) else plain
    if symmetry:
        return replace(plain, landscape=stored_landscape(database, data_dir=data_dir), permuted=True)
    return plain


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
        raise MergeError(
            f"{store}: minima without coordinates cannot be recognized, and energies say nothing"
        )


def _other_landscape(first: LandscapeDatabase, source: LandscapeDatabase) -> list[str]:
    """Return in words what two stores say otherwise of their landscapes; data go by their content, not by name."""
    identities = [store.attributes.get("identity") for store in (first, source)]
    if None not in identities:
        one, other = (Identity.from_json(identity) for identity in identities)
        return one.differences(other)
    old, new = (store.attributes.get("landscape") for store in (first, source))
    found = nested_differences(old, new, "landscape")
    return [f"{name} is {a!r} there and {b!r} here" for name, a, b in found]
