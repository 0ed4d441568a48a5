"""Masses of atoms in products of eigenvalues: from the Hessian's own to those of its vibrations (`mass_weighting`)."""

from typing import TYPE_CHECKING

import numpy as np

from elsuite.core.typing import Floats
from elsuite.database.declared import declared_symmetry
from elsuite.symmetry.base import Symmetry
from elsuite.symmetry.constrained import ConstrainedSymmetry

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase

LENGTHLESS = 1e-6
"""A zero mode that is shorter is none, as the turn of a linear molecule about itself."""


def declared_masses(database: "LandscapeDatabase") -> Floats | None:
    """Return the masses that belong to the coordinates of a point, as the landscape of a database declares them.

    Of atoms that keep to lines or planes they belong to the positions of those that move. None where none are declared.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> from elsuite.landscapes import MullerBrown
    >>> declared_masses(LandscapeDatabase.create(None, MullerBrown())) is None
    True
    """
    structure = (database.attributes.get("identity") or {}).get("settings", {}).get("structure")
    if not isinstance(structure, dict) or "masses" not in structure:
        return None
    return np.repeat(np.array(structure["masses"], dtype=np.float64)[structure["moving"]], 3)


def mass_weighting(database: "LandscapeDatabase", points: Floats) -> Floats:
    r"""Return what to add to sums of logarithms of eigenvalues, shape (n,), at points (n, P), to weight them by masses.

    The non-zero eigenvalues of :math:`M^{-1/2} H M^{-1/2}` have the product

    .. math:: \det\nolimits' H \; \frac{\det Z^T M Z}{\det M}

    with the non-zero ones of H, and orthonormal zero modes Z of H; zero where no masses are declared.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> from elsuite.landscapes import MullerBrown
    >>> mass_weighting(LandscapeDatabase.create(None, MullerBrown()), np.zeros((2, 2)))
    array([0., 0.])
    """
    masses, symmetry = declared_masses(database), declared_symmetry(database)
    if masses is None or symmetry is None:
        return np.zeros(len(points))
    if isinstance(symmetry, ConstrainedSymmetry):
        frame = np.array(symmetry.frame)
        return np.full(len(points), -float(np.linalg.slogdet(frame * masses @ frame.T)[1]))
    return np.asarray(_of_zero_modes(symmetry, masses, points) - np.log(masses).sum())


def _of_zero_modes(symmetry: Symmetry, masses: Floats, points: Floats) -> Floats:
    found = np.zeros(len(points))
    for k, modes in enumerate(symmetry.zero_modes(points) if len(points) else ()):
        there = modes[:, np.linalg.norm(modes, axis=0) > LENGTHLESS]
        found[k] = np.linalg.slogdet(there.T * masses @ there)[1] if there.size else 0.0
    return found
