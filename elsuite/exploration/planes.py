"""Energies on the plane through three minima, with the paths between them projected onto it: `plane`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr

from elsuite.analysis.planes import Plane, Shadow, grid_around, plane_through, shadow
from elsuite.core.identity import content_key
from elsuite.core.settings import NonNegative, Points, check_arguments
from elsuite.core.typing import Array, Floats, Ids, Progress
from elsuite.database import LandscapeDatabase
from elsuite.exploration.evaluating import SUPPLIED, checked_minima, chosen_surface, kept, values_at
from elsuite.exploration.stored import stored_path
from elsuite.landscapes.base import Landscape
from elsuite.paths import Path
from elsuite.paths import align as align_to
from elsuite.symmetry.permutations import permute

PATH_POINTS = 101
"""Points of a path that are projected."""
SAME = 1e-6
"""A path ends at a corner if it ends no farther from it than this share of the way there."""


def plane(
    database: LandscapeDatabase,
    landscape: Landscape,
    minima: Sequence[int],
    *,
    surface: str | None = None,
    n: Points = 25,
    margin: NonNegative = 0.15,
    align: Literal["weights", "activations"] | None = None,
    finder: str | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Return the energies, and the landscape's metrics, on the plane through three minima; they are stored.

    The origin is the first minimum, the x axis leads to the second, the y axis is at right angles to it (Gram-Schmidt
    in the coordinates of the landscape). Stored paths between the three, of each pair and finder the lowest one whose
    curve was kept and leads from corner to corner, are projected onto the plane, and the grid reaches over them. The
    same call again computes nothing, until there are other paths.

    Parameters
    ----------
    n : int
        Points along the longer side of the grid; its cells are squares.
    margin : float
        Around minima and paths, as a share of the longer side.
    align : {"weights", "activations"}, optional
        The second and the third minimum are replaced by their images by the landscape's symmetry that are nearest to
        the first, as `elsuite.paths.align` finds them; paths are moved along with their sources.
    finder : str, optional
        Only paths of the finder with this label.

    Returns
    -------
    Dataset
        ``energy`` and ``metric_NAME``, dims (y, x), with coordinates `x`, `y` in the units of the landscape; ``place``
        (corner, axis) of the minima `minimum`; of each path ``curve`` (path, step, axis), its ``distance`` (path, step)
        from the plane, and ``share_outside``: the share of its squared steps, :math:`\int |x_\perp'|^2 dt / \int |x'|^2
        dt`, that leads out of the plane.

    Raises
    ------
    ValueError
        For minima that are not three, or lie on a line, a landscape of another database, or wrong settings.
    NotFoundError
        For an id or a surface that is not there.
    StoreError
        Where nothing is stored yet and the database is open for reading.

    Examples
    --------
    The plane through three minima of a surface of two parameters is the surface.

    >>> from elsuite.landscapes import MullerBrown
    >>> surface = MullerBrown()
    >>> database = LandscapeDatabase.create(None, surface)
    >>> energies = surface.energy(torch.as_tensor(surface.minima)).numpy()
    >>> _ = database.add(minima={"coordinates": surface.minima, "energy": energies[:, None]})
    >>> values = plane(database, surface, (0, 1, 2), n=9)  # stored in the database
    >>> values.energy.shape, float(values.energy.min().round(1))
    ((4, 9), -145.2)
    """
    surface = chosen_surface(database, landscape, surface)
    check_arguments(plane, {"n": n, "margin": margin, "align": align, "finder": finder}, supplied=SUPPLIED)
    ids = checked_minima(database, minima, 3, "ids of three different minima, such as (3, 7, 9)")
    rows = _paths_between(database, ids, surface, finder)
    settings: dict[str, Any] = {"n": n, "margin": margin, "align": align, "paths": _name_of(database, rows)}

    def compute(shown: Landscape) -> xr.Dataset:
        corners, images = _corners(shown, database.coordinates(ids), align)
        through = plane_through(*corners)
        ends = dict(zip(ids, zip(corners, images, strict=True), strict=True))
        curves = _lowest_curves(database, rows, through, ends)
        places = through.outside(corners, np.empty((0, database.n_parameters)))[0]
        x, y = grid_around(np.concatenate([places, *(curve.places for curve in curves.values())]), n, margin)
        grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        found = values_at(shown, len(grid), lambda part: through.points(grid[part]), stage="plane", progress=progress)
        values = xr.Dataset({name: (("y", "x"), column.reshape(len(y), len(x))) for name, column in found.items()})
        values = values.assign_coords(x=x, y=y)
        values["minimum"] = ("corner", np.array(ids, dtype=np.int64), {"ids": "minima"})
        values["place"] = (("corner", "axis"), places)
        values["minimum_energy"] = ("corner", _energies(database, ids, surface))
        return _with_paths(values, database, curves)

    return kept(database, landscape, "plane", ids, surface, settings, compute)


def _paths_between(database: LandscapeDatabase, ids: list[int], surface: str, finder: str | None) -> Ids:
    """Return the stored curves between some minima on a surface, the lowest first."""
    table = database.paths
    if not database.n_paths or "basis" not in table:
        return np.empty(0, dtype=np.int64)
    ends = np.column_stack([table["source"].values, table["target"].values])
    heights = np.fmax(table["height"].values, table["refined_height"].values)
    usable = np.isin(ends, ids).all(axis=1) & (ends[:, 0] != ends[:, 1]) & np.isfinite(heights)
    usable &= (table["surface"].values == surface) & (table["basis"].values != "")
    usable &= (table["finder"].values == finder) if finder is not None else True
    rows = np.flatnonzero(usable)
    found: Ids = rows[np.argsort(heights[rows], kind="stable")]
    return found


def _name_of(database: LandscapeDatabase, rows: Ids) -> str:
    """Return what tells these paths from others, in merged databases too: by their keys, or else their ids."""
    keys = database.paths["key"].values[rows].tolist() if len(rows) else []
    names = sorted(f"{key:016x}" if key else f"path {row}" for row, key in zip(rows.tolist(), keys, strict=True))
    return f"{content_key(names):016x}" if names else ""


def _corners(landscape: Landscape, points: Array, align: Any) -> tuple[list[Array], list[Any]]:
    """Return the three points, moved if asked for, and how each was moved: None, a permutation, or "elsewhere"."""
    corners: list[Array] = [points[0]]
    images: list[Any] = [None]
    for point in points[1:]:
        image: Array = point
        moved: Any = None
        if align is not None:
            found = align_to(landscape, points[0], point, method=align)
            image = found.coordinates
            if not np.array_equal(image, point):
                moved = "elsewhere" if found.permutation is None else found.permutation
        corners.append(image)
        images.append(moved)
    return corners, images


def _lowest_curves(
    database: LandscapeDatabase, rows: Ids, through: Plane, ends: dict[int, tuple[Array, Any]]
) -> dict[int, Shadow]:
    """Return of each pair and finder the lowest path, by its id, that leads from corner to corner of the plane."""
    table, found = database.paths, {}
    known: set[tuple[int, int, str]] = set()
    for row in rows.tolist():
        source, target = int(table["source"].values[row]), int(table["target"].values[row])
        pair = min(source, target), max(source, target), str(table["finder"].values[row])
        path = None if pair in known else stored_path(database, row)
        if path is None:
            continue
        moved = ends[source][1]
        if isinstance(moved, str):  # turned: what belongs to that is not known of a curve
            continue
        if moved is not None:
            parts = {name: permute(getattr(path, name), moved) for name in ("start", "end", "coefficients")}
            path = replace(path, **parts)
        end, (corner, _), (begin, _) = path.end.numpy(), ends[target], ends[source]
        if np.linalg.norm(end - corner) <= SAME * np.linalg.norm(corner - begin):
            known.add(pair)
            found[row] = _along(path, through)
    return dict(sorted(found.items()))


def _along(path: Path, through: Plane) -> Shadow:
    t = torch.linspace(0, 1, PATH_POINTS, dtype=torch.float64)
    weights = torch.column_stack([1 - t, t, path.basis.values(t)]).numpy()
    return shadow(through, [path.start.numpy(), path.end.numpy()], path.coefficients.numpy(), weights)


def _with_paths(values: xr.Dataset, database: LandscapeDatabase, curves: dict[int, Shadow]) -> xr.Dataset:
    if not curves:
        return values
    table, rows = database.paths, np.array(list(curves), dtype=np.int64)
    values["path"] = ("line", rows, {"ids": "paths"})
    for name in ("source", "target"):
        values[name] = ("line", table[name].values[rows], {"ids": "minima"})
    values["finder"] = ("line", table["finder"].values[rows].astype(object))
    values["path_height"] = ("line", np.fmax(table["height"].values, table["refined_height"].values)[rows])
    values["curve"] = (("line", "step", "axis"), np.stack([curve.places for curve in curves.values()]))
    values["distance"] = (("line", "step"), np.stack([curve.distances for curve in curves.values()]))
    values["share_outside"] = ("line", np.array([curve.share_outside for curve in curves.values()]))
    return values


def _energies(database: LandscapeDatabase, ids: list[int], surface: str) -> Floats:
    column = list(database.surfaces).index(surface)
    energies: Floats = database.minima["energy"].values[ids, column].astype(np.float64)
    return energies
