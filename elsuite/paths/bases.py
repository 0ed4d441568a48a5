"""Bases of paths: functions of t that vanish at both ends, one final class each."""

import ast
import dataclasses
import itertools
import math
from typing import Any

import torch
from torch import Tensor

from elsuite.core.plugins import PluginTable
from elsuite.core.settings import Count, Finite, Whole, settings
from elsuite.paths.base import Basis


@settings(kw_only=False)
class EmptyBasis(Basis):
    """No function at all: the path is the straight line.

    Examples
    --------
    >>> EmptyBasis().values(torch.tensor([0.0, 0.5, 1.0])).shape
    torch.Size([3, 0])
    """

    n_terms: Whole = 0

    def values(self, t: Tensor) -> Tensor:
        """Return an (n, 0) matrix."""
        return t.new_zeros(len(t), 0)


@settings(kw_only=False)
class SineBasis(Basis):
    r"""Sines :math:`B_n(t) = \sin(n \pi t) / n^p`, n = 1 .. `n_terms`.

    Every p spans the same curves, but an optimizer that moves all coefficients by the same step (Adam) moves
    the curve's n-th mode by 1/n^p of it: p = 2 keeps paths smooth, p = 0 is the published basis.

    Examples
    --------
    >>> SineBasis(2).values(torch.tensor([0.0, 0.5, 1.0]))
    tensor([[0., 0.],
            [1., 0.],
            [0., 0.]])
    """

    n_terms: Count
    power: Finite = 2.0

    def values(self, t: Tensor) -> Tensor:
        """Return the (n, n_terms) matrix of sin(n pi t) / n^p, exactly zero where n t is an integer."""
        n = torch.arange(1, self.n_terms + 1, device=t.device, dtype=torch.float64)
        turns = torch.outer(t.to(torch.float64), n)
        sines = torch.where(turns == turns.round(), 0.0, torch.sin(math.pi * turns))
        return (sines / n**self.power).to(t.dtype)


@settings(kw_only=False)
class BezierBasis(Basis):
    r"""The one function :math:`B_1(t) = 2 t (1 - t)`: quadratic Bezier curves.

    With coefficient c the curve's control point is the middle of the ends plus c.

    Examples
    --------
    >>> BezierBasis().values(torch.tensor([0.0, 0.5, 1.0])).T
    tensor([[0.0000, 0.5000, 0.0000]])
    """

    n_terms: Count = 1

    def values(self, t: Tensor) -> Tensor:
        """Return the (n, 1) matrix of 2 t (1 - t)."""
        return (2 * t * (1 - t))[:, None]


@settings(kw_only=False)
class HatBasis(Basis):
    r"""Hat functions on `n_terms` inner pivots :math:`\tau_k`: polygonal chains.

    :math:`B_k` is 1 at its own pivot, 0 at all others and at the ends, linear between; coefficient k is what
    the pivot deviates from the straight line. Pivots are equally spaced unless `positions` are given.

    Examples
    --------
    >>> HatBasis(1).values(torch.tensor([0.0, 0.25, 0.5, 1.0])).T
    tensor([[0.0000, 0.5000, 1.0000, 0.0000]])
    """

    n_terms: Count
    positions: tuple[Finite, ...] | None = None

    def __post_init__(self) -> None:
        knots = (0.0, *self.pivots, 1.0)
        if len(knots) != self.n_terms + 2 or any(a >= b for a, b in itertools.pairwise(knots)):
            raise ValueError(f"positions given {self.positions}, allowed: {self.n_terms} ascending in (0, 1)")

    @property
    def pivots(self) -> tuple[float, ...]:
        """The inner pivots' positions in t."""
        if self.positions is not None:
            return self.positions
        return tuple(k / (self.n_terms + 1) for k in range(1, self.n_terms + 1))

    def values(self, t: Tensor) -> Tensor:
        """Return the (n, n_terms) matrix of the hats."""
        knots = torch.tensor((0.0, *self.pivots, 1.0), dtype=torch.float64, device=t.device)
        x = t.to(torch.float64)[:, None]
        left, middle, right = knots[:-2], knots[1:-1], knots[2:]
        rising, falling = (x - left) / (middle - left), (right - x) / (right - middle)
        return torch.minimum(rising, falling).clamp(0, 1).to(t.dtype)


BASES: PluginTable[type[Basis]] = PluginTable(
    "bases", {cls.__name__: cls for cls in (BezierBasis, EmptyBasis, HatBasis, SineBasis)}, "basis of paths"
)
"""By the names that stores have them by: a name that was once stored stays what it is."""


def basis_text(basis: Basis) -> str:
    """Return what the database stores for a basis: its name in `BASES` and its fields.

    Examples
    --------
    >>> basis_text(SineBasis(10))
    'SineBasis(n_terms=10, power=2.0)'
    """
    names = [name for name, cls in BASES.items() if cls is type(basis)]
    given: Any = basis
    fields = [f"{f.name}={getattr(basis, f.name)!r}" for f in dataclasses.fields(given)]
    return f"{names[0]}({', '.join(fields)})" if names else str(basis)


def basis_from_text(text: str) -> Basis:
    """Return the basis that the column `basis` describes.

    Raises
    ------
    ValueError
        For anything but the name of a basis with literal keywords.

    Examples
    --------
    >>> basis_from_text("SineBasis(n_terms=3, power=2.0)").n_terms
    3
    """
    try:
        call = ast.parse(text, mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)) or call.args:
            raise ValueError
        return BASES[call.func.id](**{str(k.arg): ast.literal_eval(k.value) for k in call.keywords})
    except (SyntaxError, ValueError, KeyError, TypeError):
        raise ValueError(f"not a basis of paths: {text!r}") from None
