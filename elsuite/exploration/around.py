"""Energies around a minimum, along random directions as long as its filters: `surface_around`."""

from typing import Literal

import numpy as np
import torch
import xarray as xr

from elsuite.core.settings import Points, Positive, Whole, check_arguments
from elsuite.core.typing import Array, Floats, Progress
from elsuite.database import LandscapeDatabase
from elsuite.exploration.evaluating import SUPPLIED, checked_minima, chosen_surface, kept, values_at
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.networks import NeuralLandscape

Directions = Literal["filter", "layer", "plain"]
N_POINTS = {1: 51, 2: 25}
"""Points along an axis by default."""


def surface_around(
    database: LandscapeDatabase,
    landscape: Landscape,
    minimum: int,
    *,
    surface: str | None = None,
    dims: Literal[1, 2] = 2,
    directions: Directions | None = None,
    biases: Literal["zero", "normalized"] = "zero",
    seed: Whole = 0,
    n: Points | None = None,
    span: Positive = 1.0,
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Return the energies, and metrics, along one or over two random directions from a minimum; they are stored.

    With "filter", for networks and their default, a direction is Gaussian, and each of its filters (what leads to one
    unit or channel) is scaled to the norm of the same filter of the solution, :math:`d_{ij} \leftarrow d_{ij}
    \|w_{ij}\| / \|d_{ij}\|` (Li, Xu, Taylor, Studer and Goldstein, NeurIPS 2018). As there, the two directions are not
    made orthogonal; their cosine, which is small where there are many parameters, is an attribute of the result.

    Parameters
    ----------
    directions : {"filter", "layer", "plain"}, optional
        "layer" scales whole tensors in place of filters; "plain", the default of all that is no network, the whole
        direction to the length scale of the landscape.
    biases : {"zero", "normalized"}
        Tensors of one axis, biases and what normalization layers have, do not change, or are scaled as one filter.
        Buffers that are coordinates of a solution never change.
    n : int, optional
        Points along an axis: by default 51 of one dim, 25 of two. An odd number has the minimum among them.
    span : float
        How far the axes reach to both sides, in lengths of the directions.

    Returns
    -------
    Dataset
        ``energy`` and ``metric_NAME``, dims (y, x) or (x), with coordinates in lengths of the directions; ``length`` of
        the directions in the units of the landscape; the attribute ``cosine``.

    Raises
    ------
    ValueError
        For a landscape of another database, or wrong settings, such as "filter" where there are no filters.
    NotFoundError
        For an id or a surface that is not there.
    StoreError
        Where nothing is stored yet and the database is open for reading.

    Examples
    --------
    >>> from elsuite.landscapes import load_data, network_landscape
    >>> landscape = network_landscape("fcp", load_data("digits", n_train=50, n_test=10), hidden=(4,))
    >>> database = LandscapeDatabase.create(None, landscape)
    >>> point = landscape.initial_points([0])
    >>> _ = database.add(minima={"coordinates": point.numpy(), "energy": landscape.energies_on_all_surfaces(point)})
    >>> values = surface_around(database, landscape, 0, dims=1, n=5)
    >>> bool(abs(values.energy.values[2] - landscape.energy(point).item()) < 1e-6)
    True
    """
    surface = chosen_surface(database, landscape, surface)
    given = {"dims": dims, "directions": directions, "biases": biases, "seed": seed, "n": n, "span": span}
    check_arguments(surface_around, given, supplied=SUPPLIED)
    ids = checked_minima(database, [minimum], 1, "the id of a minimum")
    network = isinstance(landscape, NeuralLandscape)
    directions = directions or ("filter" if network else "plain")
    n = n or N_POINTS[dims]
    if directions != "plain" and not network:
        raise ValueError(f"directions: given {directions!r}, allowed for {type(landscape).__name__}: plain")
    settings = {**given, "directions": directions, "n": n}

    def compute(shown: Landscape) -> xr.Dataset:
        point = database.coordinates(ids)[0].astype(np.float64)
        found = random_directions(shown, point, dims, directions=directions, biases=biases, seed=seed)
        axis = np.linspace(-span, span, n)
        places = np.stack(np.meshgrid(*[axis] * dims), axis=-1).reshape(-1, dims)
        computed = values_at(
            shown, len(places), lambda part: point + places[part] @ found, stage="surface", progress=progress
        )
        names = ("y", "x")[-dims:]
        values = xr.Dataset({name: (names, column.reshape([n] * dims)) for name, column in computed.items()})
        values = values.assign_coords(dict.fromkeys(names, axis))
        lengths = np.linalg.norm(found, axis=1)
        values["length"] = ("direction", lengths)
        values["minimum"] = ("center", np.array(ids, dtype=np.int64), {"ids": "minima"})
        column = list(database.surfaces).index(str(surface))
        values["minimum_energy"] = ("center", database.minima["energy"].values[ids, column].astype(np.float64))
        if dims == 2:
            values.attrs["cosine"] = float(found[0] @ found[1] / max(np.prod(lengths), np.finfo(float).tiny))
        return values

    return kept(database, landscape, "around", ids, surface, settings, compute)


def random_directions(
    landscape: Landscape, point: Array, number: int, *, directions: Directions, biases: str = "zero", seed: int = 0
) -> Floats:
    """Return so many random directions at a point, shape (number, P), scaled as `surface_around` says.

    Raises
    ------
    ValueError
        Where no filter of the solution has a length.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> camel = SixHumpCamel()
    >>> along = random_directions(camel, np.zeros(2), 1, directions="plain")
    >>> bool(np.isclose(np.linalg.norm(along), camel.length_scale))
    True
    """
    rng = np.random.default_rng(seed)
    found = np.stack([rng.standard_normal(landscape.n_parameters) for _ in range(number)])
    if directions == "plain" or not isinstance(landscape, NeuralLandscape):
        found *= landscape.length_scale / np.linalg.norm(found, axis=1, keepdims=True)
        return found
    begin = 0
    for shape, trained in _tensors(landscape, point):
        stop = begin + int(np.prod(shape, dtype=np.int64))
        weights = point[begin:stop].astype(np.float64)
        rows = shape[0] if directions == "filter" and len(shape) > 1 else 1
        if not trained or (len(shape) < 2 and biases == "zero"):
            found[:, begin:stop] = 0.0
        elif stop > begin:
            for direction in found:
                part = direction[begin:stop].reshape(rows, -1)
                lengths = np.linalg.norm(part, axis=1, keepdims=True)
                wanted = np.linalg.norm(weights.reshape(rows, -1), axis=1, keepdims=True)
                part *= wanted / np.where(lengths > 0, lengths, 1.0)  # a view: the direction changes
        begin = stop
    if not found.any():
        raise ValueError("all filters of the solution are zero, or it has none: no direction is as long as they are")
    return found


def _tensors(landscape: NeuralLandscape, point: Array) -> list[tuple[tuple[int, ...], bool]]:
    """Return of the tensors that a point is made of, in its order, the shape, and whether it is trained."""
    leaf = torch.as_tensor(point, dtype=landscape.dtype, device=landscape.device).requires_grad_()
    # Buffers that belong to a solution have no derivative.
    return [(tuple(tensor.shape), tensor.requires_grad) for tensor in landscape.parameters(leaf).values()]
