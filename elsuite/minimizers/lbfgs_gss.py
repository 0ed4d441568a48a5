"""L-BFGS with golden section search, for many starts in lockstep.

The quasi-Newton method of arXiv:2602.21276; its two-loop recursion is J. Nocedal's, Math. Comp. 35, 773 (1980).
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from elsuite.core.settings import Count, Positive, Share, settings
from elsuite.landscapes.base import DataLandscape, Landscape
from elsuite.landscapes.conversion import norms
from elsuite.minimizers.base import Minimizer, State
from elsuite.minimizers.golden_section import golden_section_search
from elsuite.minimizers.scales import FIRST

_SHRUNK = 0.382  # what a golden section search without success leaves of the first step, each value
_SHORTEST = 1e-6  # length scales: the first step is not shorter
_SMALL = 1e-2  # of smaller length scales it is no longer than they, else no longer than 1
_BLIND = 4.0  # units in the last place of energies or coordinates: shorter steps tell nothing
_SEEN = 100.0  # as long as this, in steps that tell just nothing, a search begins that must tell something


class _Pair(NamedTuple):
    """Step s (n, P), change of the gradient y (n, P) and 1 / s.y (n,), 0 where a start has no such pair."""

    s: Tensor
    y: Tensor
    rho: Tensor


@settings
class LBFGSGSS(Minimizer):
    r"""L-BFGS on the whole data, with golden section search along its direction; an epoch is one iteration.

    .. math:: w \leftarrow w - u\,p, \qquad p = H \nabla f(w), \qquad u \approx \arg\min_u f(w - u\,p)

    H is the two-loop recursion over the last `history` pairs s = w_k - w_{k-1}, y = g_k - g_{k-1}, scaled by
    s.y / y.y of the newest. The search begins at u = 1 and takes `search_values` energies; no step raises the
    energy. All pairs of a start are dropped, and it goes on along the plain gradient, when a pair's cosine
    s.y / (\|s\| \|y\|) is under `least_cosine` or not finite, when p does not point uphill, or when no lower point
    is found along p. The plain gradient is scaled by the last good s.y / y.y, at first so that the step is as long as a
    twentieth of the landscape's length scale L; over data, as published, as long as the gradient, but not longer than 1
    (nor than an L under 0.01), nor shorter than 1e-6 L. After a search along the plain gradient that finds nothing the
    next one is over shorter steps, and so on, until steps are so short that rounding hides what they change; one more,
    over steps that are just long enough, then decides. A start that
    finds nothing lower twice in a row, nor at any length, is stuck: `minimize` says whether it has converged.

    Attributes
    ----------
    largest_step : float or None
        Largest Euclidean length of a step: keeps a descent on a rugged surface in its own valley.

    Examples
    --------
    >>> from elsuite.landscapes import MullerBrown
    >>> result, = LBFGSGSS(largest_step=0.1).minimize(MullerBrown(), [[0.5, 0.2]])
    >>> print(result.outcome, round(result.solutions[0].energies["energy"], 8))
    converged -108.16672412
    """

    history: Count = 10
    search_values: Count = 6
    least_cosine: Share = 1e-4
    largest_step: Positive | None = None

    name: ClassVar[str] = "lbfgs-gss"

    def begin(self, landscape: Landscape, state: State) -> State:
        """See `Minimizer`."""
        energy, gradient = landscape.energy_and_gradient(state["points"])
        norm, scale = norms(gradient), landscape.length_scale
        published = norm.clamp(max=scale if scale < _SMALL else 1.0).clamp(min=_SHORTEST * scale)
        length = published if isinstance(landscape, DataLandscape) else torch.full_like(norm, FIRST * scale)
        # Of gradients whose squares would leave the number type's range, directions and pairs are made in a unit.
        edge = torch.finfo(gradient.dtype).tiny ** (1 / 3)
        exact = torch.exp2(torch.floor(torch.log2(norm)))
        unit = torch.where(((norm > 0) & (norm < edge)) | (norm > 1 / edge), exact, torch.ones_like(norm))
        ordinary = (unit == 1) & (length == norm.clamp(max=1))  # to the last bit as published
        first = torch.where(ordinary, (1 / norm.to(gradient.dtype)).clamp(max=1).double(), length / (norm / unit))
        return state | {
            "energy": energy,
            "gradient": gradient,
            "gradient_norm": norm,
            "unit": unit,
            "scale": first.to(gradient.dtype),
            "last": torch.zeros(len(norm), dtype=torch.bool, device=norm.device),
            "stuck": torch.zeros(len(norm), dtype=torch.bool, device=norm.device),
            "n_evaluations": state["n_evaluations"] + 1,
        }

    def advance(self, landscape: Landscape, state: State, epoch: int) -> State:
        """See `Minimizer`."""
        points, unit = state["points"], state.get("unit", torch.ones_like(state["energy"]))
        gradient = _in_units(state["gradient"], unit)
        direction, plain = _direction(gradient, state["scale"], self._pairs(state, epoch))
        longest = None if self.largest_step is None else self.largest_step / direction.norm(dim=1).double()
        step, energy = golden_section_search(
            lambda step: landscape.energy(_moved(points, direction, step)),
            state["energy"],
            torch.ones_like(state["energy"]),
            n_values=self.search_values,
            largest_step=longest,
        )
        moved = step > 0
        new_points = _moved(points, direction, step)
        new_gradient = landscape.energy_and_gradient(new_points)[1]
        pair, scale, valid = self._pair(new_points - points, _in_units(new_gradient, unit) - gradient)
        failed = plain & ~moved
        blind, seen = _blind(landscape, state, norms(direction))
        searched = torch.where(moved, step, torch.where(blind, seen, _SHRUNK**self.search_values)).to(scale.dtype)
        kept, slot = valid & ~plain, epoch % self.history  # elsewhere older pairs are dropped
        rhos = {name: torch.where(kept, rho, 0) for name, rho in state.items() if name.startswith("rho.")}
        return (
            state
            | rhos
            | {f"s.{slot}": pair.s, f"y.{slot}": pair.y, f"rho.{slot}": pair.rho}
            | {
                "points": new_points,
                "energy": energy,
                "gradient": new_gradient,
                "gradient_norm": norms(new_gradient),
                "scale": torch.where(valid, scale, torch.where(plain, searched, 1) * state["scale"]),
                "last": failed & blind,
                "stuck": failed & state.get("last", torch.zeros_like(failed)),
                "n_steps": state["n_steps"] + moved.cpu(),
                "n_evaluations": state["n_evaluations"] + self.search_values + 1,
            }
        )

    def _pair(self, s: Tensor, y: Tensor) -> tuple[_Pair, Tensor, Tensor]:
        """Return the pair, its s.y / y.y, and which starts have a valid one; a start without has a pair of zeros."""
        sy, yy = _dot(s, y), _dot(y, y)
        cosine = sy / (_dot(s, s) * yy).sqrt()
        valid = (cosine >= self.least_cosine) & torch.isfinite(1 / sy) & torch.isfinite(sy / yy)
        s, y = (torch.where(valid[:, None], values, 0) for values in (s, y))
        return _Pair(s, y, torch.where(valid, 1 / sy, 0)), sy / yy, valid

    def _pairs(self, state: State, epoch: int) -> list[_Pair]:
        """Return the stored pairs, the newest first."""
        slots = [k % self.history for k in range(epoch - 1, max(-1, epoch - 1 - self.history), -1)]
        return [_Pair(state[f"s.{k}"], state[f"y.{k}"], state[f"rho.{k}"]) for k in slots]


def _in_units(gradient: Tensor, unit: Tensor) -> Tensor:
    """Return gradients (n, P) in units of their own, (n,), exact powers of two."""
    return gradient if bool((unit == 1).all()) else (gradient.double() / unit[:, None]).to(gradient.dtype)


def _blind(landscape: Landscape, state: State, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return which steps, by their lengths (n,), change nothing beyond rounding, and how many times longer ones do."""
    eps, slope = torch.finfo(state["points"].dtype).eps, state["gradient_norm"].double()
    places = _BLIND * eps * norms(state["points"])
    shortest = torch.maximum(_BLIND * eps * state["energy"].abs() / slope, places)
    # Without any slope there is no shortest one.
    seen = (_SEEN * shortest).nan_to_num(nan=torch.inf).clamp(max=landscape.length_scale) / lengths
    return ~(lengths > shortest), torch.where((seen > 0) & torch.isfinite(seen), seen, torch.ones_like(seen))


def _direction(gradient: Tensor, scale: Tensor, pairs: Sequence[_Pair]) -> tuple[Tensor, Tensor]:
    """Return the directions (n, P) and which of them are the plain, scaled gradient."""
    direction = _two_loop(gradient, scale, pairs)
    slope = _dot(direction, gradient)
    paired = torch.zeros_like(scale, dtype=torch.bool) if not pairs else pairs[0].rho > 0
    plain = ~(paired & torch.isfinite(slope) & (slope > 0))
    return torch.where(plain[:, None], scale[:, None] * gradient, direction), plain


def _two_loop(gradient: Tensor, scale: Tensor, pairs: Sequence[_Pair]) -> Tensor:
    """Return H g by the two-loop recursion over pairs, the newest first."""
    result, weights = gradient, []
    for s, y, rho in pairs:
        weights.append(rho * _dot(s, result))
        result = torch.addcmul(result, y, weights[-1][:, None], value=-1)
    result = scale[:, None] * result
    for (s, y, rho), weight in zip(reversed(pairs), reversed(weights), strict=True):
        result = torch.addcmul(result, s, (weight - rho * _dot(y, result))[:, None])
    return result


def _moved(points: Tensor, direction: Tensor, step: Tensor) -> Tensor:
    return torch.addcmul(points, direction, step.to(points.dtype)[:, None], value=-1)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    product: Tensor = torch.linalg.vecdot(a, b)
    return product
