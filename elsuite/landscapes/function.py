"""Energies given as functions, of torch or of numpy, with or without a gradient: `FunctionLandscape`."""

import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.identity import plain_settings
from elsuite.landscapes.analytic import AnalyticLandscape, by_autograd, uniform_points
from elsuite.landscapes.base import PROBE_SEEDS
from elsuite.landscapes.differences import difference_gradients, gradient_mistake
from elsuite.symmetry.base import NoSymmetry, Symmetry

Library = Literal["torch", "numpy"]


@dataclass(frozen=True)
class _Form:
    """What the first call says of a function."""

    library: Library
    differentiable: bool
    """By torch."""
    gives_gradients: bool
    eps: float
    """How precise its energies are, relative."""


@final
@dataclass(frozen=True, eq=False)
class FunctionLandscape(AnalyticLandscape):
    """Any function of points that returns energies, written with torch or with numpy.

    A differentiable torch function needs no gradient. A numpy function has its gradient from `gradient`, or returns it
    with the energies; without one it is taken by central differences of fourth order, four energies a coordinate.
    Second derivatives are then differences of gradients. A gradient that is given is compared with differences of the
    energies before its first use, at fixed points; one that is wrong is refused.

    Parameters
    ----------
    function : callable
        Takes float64 points (n_points, P), tensors or numpy's arrays, and returns their energies (n_points,), each
        from its own row only; or a pair, energies and gradients (n_points, P).
    bounds : array_like (2, P), optional
        Lowest and highest values of starts; -1 and 1 without them.
    symmetry : Symmetry, optional
        Which points are one; without it each is equal to itself only.
    energy_floor : float, optional
        See `Landscape`: of a loss, zero.
    gradient : callable, optional
        Of the form of `function`: returns the gradients (n_points, P).
    batched : bool
        Whether `function` and `gradient` take many points; if not, one, shape (P,), at a time.
    library : {"torch", "numpy"}, optional
        What the functions are written with. By default torch where `function` takes a tensor, if it is batched and
        without a gradient, else numpy where it takes an array; methods of one name may differ, such as ``x.var(1)``.

    Raises
    ------
    ValueError
        `bounds` of another shape, or not finite and ascending; a symmetry of another number of parameters. At first
        use: energies or gradients of another shape, or that are no real numbers; those of a point that depend on the
        other points of the call; a gradient that is not the energy's.

    Examples
    --------
    >>> landscape = FunctionLandscape(lambda points: (points**2).sum(1), 3)
    >>> landscape.energy_and_gradient(torch.ones(1, 3))[1]
    tensor([[2., 2., 2.]], dtype=torch.float64)

    One point at a time, by numpy, with its gradient:

    >>> def bowl(x):
    ...     return np.dot(x, x), 2 * x
    >>> landscape = FunctionLandscape(bowl, 2, batched=False)
    >>> landscape.energy_and_gradient([[3.0, 4.0]])
    (tensor([25.], dtype=torch.float64), tensor([[6., 8.]], dtype=torch.float64))
    >>> landscape = FunctionLandscape(lambda x: np.dot(x, x), 2, gradient=lambda x: x * [2.0, 3.0], batched=False)
    >>> landscape.energy_and_gradient([[3.0, 4.0]])
    Traceback (most recent call last):
        ...
    ValueError: the gradient given is not that of the energy: its coordinate 1 is ... and differences give ...
    """

    function: Callable[..., Any]
    n_parameters: int
    bounds: ArrayLike | None = None  # type: ignore[assignment]
    symmetry: Symmetry | None = None  # type: ignore[assignment]
    energy_floor: float | None = None
    gradient: Callable[..., Any] | None = None
    batched: bool = True
    library: Library | None = None

    def __post_init__(self) -> None:
        shape = (2, self.n_parameters)
        default = np.array([[-1.0], [1.0]]) * np.ones(self.n_parameters)
        bounds = default if self.bounds is None else np.array(self.bounds, dtype=np.float64)
        if bounds.shape != shape or not np.all(np.isfinite(bounds)) or np.any(bounds[0] > bounds[1]):
            raise ValueError(
                f"bounds {self.bounds!r} given; finite lowest and highest values, shape {shape}, are expected"
            )
        object.__setattr__(self, "bounds", bounds)
        symmetry = self.symmetry or NoSymmetry(self.n_parameters)
        if symmetry.n_parameters != self.n_parameters:
            raise ValueError(
                f"a symmetry of {symmetry.n_parameters} parameters given; the landscape has {self.n_parameters}"
            )
        object.__setattr__(self, "symmetry", symmetry)
        if self.library not in {None, "torch", "numpy"}:
            raise ValueError(f"library {self.library!r} given; 'torch' or 'numpy' is expected")

    def declared(self) -> dict[str, Any]:
        """Return that it is a function, which its energies say, and its bounds: starts are drawn there."""
        bounds = np.asarray(self.bounds)
        return {"kind": "function", "bounds": bounds.tolist() if bounds.size <= 16 else plain_settings(bounds)}

    @property
    def gradient_only(self) -> bool:  # type: ignore[override]
        """Whether there are no derivatives by torch."""
        return not self._form.differentiable

    @property
    def _form(self) -> _Form:
        """What the first call said of the function; it is made here where there was none."""
        if "form" not in vars(self):
            self._values(self.initial_points([PROBE_SEEDS[0]]))
        form: _Form = vars(self)["form"]
        return form

    def formula(self, points: Tensor) -> Tensor:
        """Return what the function gives."""
        return self._values(points)[0]

    def initial_points(self, seeds: list[int]) -> Tensor:
        """Return one start for each seed, uniform in `bounds`."""
        return uniform_points(np.asarray(self.bounds), seeds)

    def energy_and_gradient(self, points: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
        """Return the energies, shape (n_points,), and gradients, shape (n_points, P)."""
        given = self.checked(points).detach()
        if self.gradient is None and not self._form.gives_gradients:
            if self._form.differentiable:
                return by_autograd(self, given)
            return self.energy(given), difference_gradients(
                self.energy, given, scale=self.length_scale, eps=self._form.eps
            )
        return self._with_gradient(given)

    def _with_gradient(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return energies and the gradients that the caller's function gives."""
        energies, gradients = self._values(points)
        if self.gradient is not None:
            gradients = self._called(self.gradient, points, self._form.library)[0]
        assert gradients is not None
        for name, values, shape in (("energy", energies, points.shape[:1]), ("gradient", gradients, points.shape)):
            if values.shape != shape:
                raise ValueError(
                    f"the function returned shape {tuple(values.shape)} for {len(points)} points; one {name} a point "
                    f"is expected, shape {tuple(shape)}"
                )
        return energies.detach().double(), gradients.detach().double()

    def _values(self, points: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return energies and, where the function returns a pair, gradients; its first call says what it is."""
        known: _Form | None = vars(self).get("form")
        if known is not None or not len(points):
            return self._called(self.function, points, known.library if known is not None else self._form.library)
        plain = self.batched and self.gradient is None
        ways: tuple[Library, ...] = ("torch", "numpy") if plain else ("numpy", "torch")
        wrong: Exception | None = None
        for library in ways if self.library is None else (self.library,):
            try:
                with torch.enable_grad():
                    leaf = points if points.requires_grad else points.detach().clone().requires_grad_()
                    energies, gradients = self._called(self.function, leaf, library)
            except (TypeError, RuntimeError, AttributeError) as error:  # what either says of the other's arrays
                wrong = wrong or error
                continue
            eps = torch.finfo(energies.dtype if energies.is_floating_point() else torch.float64).eps
            vars(self)["form"] = _Form(library, energies.requires_grad, gradients is not None, eps)
            try:
                self._check()
            except BaseException:
                vars(self).pop("form")  # it is refused again
                raise
            return (energies if points.requires_grad else energies.detach()), gradients
        assert wrong is not None
        raise wrong

    def _check(self) -> None:
        """Refuse, before its first use, what is no function of the points, and a gradient that is not the energy's."""
        given = self.gradient is not None or self._form.gives_gradients
        if self._form.differentiable and not given:
            return
        points = self.probe_points()
        first, again = (torch.nan_to_num(self.energy(points).detach()).tolist() for _ in range(2))
        for a, b in zip(first, again, strict=True):
            if a != b:
                raise ValueError(f"the function is none: twice at the same point it returned {a:.10g} and {b:.10g}")
        if self.batched:
            self._check_rows(self.energy, points, "energies")
            if given:
                self._check_rows(lambda x: self._with_gradient(x)[1], points, "gradients")
        if given:
            mistake = gradient_mistake(
                self._with_gradient, self.energy, points, scale=self.length_scale, eps=self._form.eps
            )
            if mistake:
                raise ValueError(f"the gradient given is not that of the energy: {mistake}")

    def _check_rows(self, function: Callable[[Tensor], Tensor], points: Tensor, name: str) -> None:
        """Refuse values of points that depend on which others are computed with them."""
        together = function(points).detach()
        alone = torch.cat([function(point[None]).detach() for point in points])
        finite = torch.isfinite(together) & torch.isfinite(alone)
        sizes = torch.maximum(together.abs(), alone.abs())
        # Sums over more rows are rounded otherwise.
        allowed = self._form.eps**0.5 * sizes[finite].max() if finite.any() else sizes.new_zeros(())
        off = torch.where(finite, (together - alone).abs() > allowed, together.isfinite() != alone.isfinite())
        if off.any():
            k = int(off.flatten().int().argmax())
            both = f"{float(together.flatten()[k]):.6g} with other points and {float(alone.flatten()[k]):.6g} alone"
            raise ValueError(
                f"{name} depend on the other points of the call: {both}; each from its own row is expected"
            )

    def _called(self, function: Callable[..., Any], points: Tensor, library: Library) -> tuple[Tensor, Tensor | None]:
        """Return what a function of the caller's gives, as tensors."""
        given: Any = points if library == "torch" else points.detach().numpy().copy()
        if not self.batched:
            # Each is copied at once: a function may return the same array again and again.
            pairs = map(_pair, map(function, given))
            rows = [(_tensor(first), None if second is None else _tensor(second)) for first, second in pairs]
            if not rows:
                return points.new_empty(0), None
            gradients = [second for _, second in rows if second is not None]
            return torch.stack([first for first, _ in rows]), torch.stack(gradients) if gradients else None
        energies, slopes = _pair(function(given))
        if library == "torch" and not isinstance(energies, Tensor):
            raise TypeError(f"the function returned {type(energies).__name__}; a tensor is expected")
        return _tensor(energies), None if slopes is None else _tensor(slopes)


def _pair(result: Any) -> tuple[Any, Any]:
    """Return energies and gradients, or None where there are energies only."""
    # Not a subclass: torch's `x.max(1)` is a pair of values and places.
    if type(result) is tuple and len(result) == 2:
        return result
    if type(result) is list and len(result) == 2 and _n_axes(result[1]) == _n_axes(result[0]) + 1:
        return result[0], result[1]  # not two energies
    return result, None


def _n_axes(values: Any) -> int:
    if isinstance(values, (list, tuple)):
        return 1 + max(map(_n_axes, values), default=0)
    return int(getattr(values, "ndim", 0))


def _tensor(values: Any) -> Tensor:
    """Return real numbers as a tensor of its own, in their own precision where that is single or less."""
    if isinstance(values, Tensor):
        if values.is_complex():
            raise ValueError("the function returned complex numbers; real ones are expected")
        return values if values.requires_grad else values.clone()
    if np.ma.is_masked(values):
        raise ValueError("the function returned a masked array with values left out; a number for each is expected")
    array = np.asarray(values)
    if array.dtype == object and not all(isinstance(value, numbers.Real | Tensor) for value in array.flat):
        kinds = sorted({type(value).__name__ for value in array.flat if not isinstance(value, numbers.Real)})
        raise ValueError(f"the function returned {', '.join(kinds)}; real numbers are expected")
    if array.dtype != object and array.dtype.kind not in "fiub":
        what = {"c": "complex numbers", "U": "text", "S": "text"}.get(array.dtype.kind, f"values of type {array.dtype}")
        raise ValueError(f"the function returned {what}; real numbers are expected")
    single = array.dtype in {np.dtype(np.float32), np.dtype(np.float16)}
    return torch.from_numpy(np.array(array, dtype=array.dtype if single else np.float64))
