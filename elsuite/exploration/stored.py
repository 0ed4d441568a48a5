"""Paths read back from a database: `stored_path`."""

import numpy as np
import torch

from elsuite.core.typing import Array
from elsuite.database import LandscapeDatabase
from elsuite.database.declared import declared_symmetry
from elsuite.paths import Path
from elsuite.paths.bases import basis_from_text
from elsuite.schema import DamagedStoreError, NotFoundError
from elsuite.symmetry import UnitSymmetry
from elsuite.symmetry.permutations import apply, permute, split_element


def stored_path(database: LandscapeDatabase, row: int) -> Path | None:
    """Return the curve stored in `row` of the table of paths; None when its coefficients were not kept.

    It leads from the stored source to the stored target or, where the path has units renamed, to that image of it.

    Raises
    ------
    NotFoundError
        For a row that is not there.

    Examples
    --------
    >>> from elsuite.exploration import connect_minima
    >>> from elsuite.landscapes import MullerBrown
    >>> from elsuite.paths import LinearPathFinder
    >>> surface = MullerBrown()
    >>> database = LandscapeDatabase.create(None, surface)
    >>> points, energies = surface.minima[:2], surface.energy(torch.as_tensor(surface.minima[:2]))
    >>> _ = database.add(minima={"coordinates": points, "energy": energies[:, None].numpy()})
    >>> _ = connect_minima(database, surface, LinearPathFinder(), [(0, 1)])
    >>> middle = stored_path(database, 0).points(torch.tensor([0.5]))
    >>> bool(np.allclose(middle[0], (points[0] + points[1]) / 2))
    True
    """
    if not 0 <= row < database.n_paths:
        raise NotFoundError(f"no path {row}; the database has {database.n_paths}")
    table = database.paths
    text = str(table["basis"].values[row]) if "basis" in table else ""
    if not text:
        return None
    basis = basis_from_text(text)
    start, end = database.coordinates([int(table["source"][row]), int(table["target"][row])])
    # Rows of other surfaces than the one searched on name the row that holds the curve of the search.
    held = int(table["curve"][row]) if "curve" in table else -1
    row = row if held < 0 else held
    end = _image(database, row, end)
    if basis.n_terms == 0:
        coefficients = np.zeros((0, len(start)), dtype=start.dtype)
    elif "coefficients" not in table:
        return None
    else:
        coefficients = np.asarray(table["coefficients"][row, : basis.n_terms].values)
        if np.isnan(coefficients).any():
            return None
    return Path(
        torch.as_tensor(start),
        torch.as_tensor(end),
        basis,
        torch.as_tensor(coefficients.astype(start.dtype, copy=False)),
    )


def _image(database: LandscapeDatabase, row: int, point: Array) -> Array:
    """Return the image of the stored target that a path leads to: by the units that are renamed, or all parameters."""
    table = database.paths
    if "renaming" in table and (renaming := table["renaming"][row].values).any():
        symmetry = declared_symmetry(database)
        if not isinstance(symmetry, UnitSymmetry):
            raise DamagedStoreError(f"path {row} has units renamed, and the identity of the store declares none")
        return apply(symmetry, point, split_element(symmetry, renaming))
    permutation = table["permutation"][row].values if "permutation" in table else np.full(1, -1)
    return point if (permutation == -1).all() else permute(point, permutation)
