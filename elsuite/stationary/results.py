"""What searches for stationary points return."""

from dataclasses import dataclass

import numpy as np

from elsuite.core.outcomes import Outcome
from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenpairs at both ends of a Hessian's spectrum, zero modes of the landscape left out.

    Attributes
    ----------
    lowest, highest : ndarray (n_lowest,), (n_highest,)
        Eigenvalues, both ascending.
    lowest_vectors, highest_vectors : ndarray (n, P)
        Their unit eigenvectors, one a row.
    residuals : ndarray (n_lowest + n_highest,)
        Norms of H v - lambda v, those of `lowest` first.
    converged : bool
        Whether all residuals are within the tolerance asked for.
    """

    lowest: Floats
    highest: Floats
    lowest_vectors: Floats
    highest_vectors: Floats
    residuals: Floats
    converged: bool
    n_products: int

    __repr__ = short_repr


@dataclass(frozen=True, eq=False)
class StationaryPoint:
    """One point, and what its gradient and Hessian say about it.

    Attributes
    ----------
    is_stationary : bool
        Whether the gradient norm is within the tolerance.
    index : int
        Number of negative eigenvalues among `eigenvalues`: all there are when `complete`, else at least so many.
    n_zero : int
        Number of eigenvalues that are zero within the tolerance, beside the landscape's zero modes.
    eigenvalues : ndarray
        Lowest first, zero modes left out; all P - n_zero_modes of them when `complete`.
    eigenvector : ndarray (P,)
        Of the lowest eigenvalue.
    """

    coordinates: Floats
    energy: float
    gradient_norm: float
    is_stationary: bool
    index: int
    n_zero: int
    eigenvalues: Floats
    eigenvector: Floats
    complete: bool

    __repr__ = short_repr

    @property
    def kind(self) -> str:
        """One of "not stationary", "degenerate", "minimum", "transition state", "saddle of index k"."""
        if not self.is_stationary:
            return "not stationary"
        if self.n_zero:
            return "degenerate"
        names = {0: "minimum", 1: "transition state"}
        return names.get(self.index, f"saddle of index {self.index}")

    @property
    def log_product(self) -> float:
        """Sum of the logarithms of the positive eigenvalues; NaN unless the spectrum is complete."""
        if not self.complete:
            return float("nan")
        return float(np.log(self.eigenvalues[self.eigenvalues > 0]).sum())


@dataclass(frozen=True, eq=False)
class Refinement:
    """One search for a stationary point: a transition state, or at the end of a descent a minimum.

    Attributes
    ----------
    point : ndarray (P,)
        Where it ended: what was sought only if `outcome` is "converged".
    eigenvalues : ndarray
        Lowest first, zero modes left out; all of them for small landscapes, else the lowest few.
    eigenvector : ndarray (P,)
        Unit eigenvector of the lowest eigenvalue.
    index : int
        Number of negative ones among `eigenvalues`.
    n_gradients : int
        Gradients computed, a Hessian-vector product counted as two.
    """

    point: Floats
    energy: float
    gradient_norm: float
    eigenvalues: Floats
    eigenvector: Floats
    index: int
    outcome: Outcome
    message: str
    n_steps: int
    n_gradients: int

    __repr__ = short_repr
