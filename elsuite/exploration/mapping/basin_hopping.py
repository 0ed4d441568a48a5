"""Basin hopping: a random walk from minimum to minimum (`basin_hopping`)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from elsuite.core.outcomes import Outcome
from elsuite.core.typing import Floats, Ids, Progress
from elsuite.landscapes.base import Landscape
from elsuite.stationary import Limits, Refinement, descend
from elsuite.stationary.descend import SteepestDescent
from elsuite.stationary.engine import Engine, Rough, as_found, engine_of, finished
from elsuite.symmetry.points import PointIndex
from elsuite.symmetry.units import without_units

ADAPT_EVERY = 10
LONGEST_HOP = 0.1
"""The longest step down, in units of the length scale, times the root of the dimension: any basin will do."""
ROUGHLY = 1e-6
"""By gradients descents end first at this gradient, relative to that of a length scale at the largest curvature."""


@dataclass(frozen=True, eq=False)
class HoppingResult:
    """What the walkers of basin hopping found.

    Attributes
    ----------
    minima : tuple of Refinement
        The distinct minima, lowest first.
    visits : ndarray of int (n_minima,)
        How often each was reached, accepted or not.
    energies : ndarray (n_walkers, n_hops + 1)
        Energy of the minimum that each walker is in, at the start and after each hop; NaN before it is in one.
    accepted : ndarray (n_walkers,)
        Share of the hops that were accepted.
    failures : Counter of str
        Descents that reached no minimum, by outcome.
    """

    minima: tuple[Refinement, ...]
    visits: Ids
    energies: Floats
    accepted: Floats
    failures: Counter[str]
    n_gradients: int
    reason: str = ""
    """Why the first descent failed, where an error of the landscape's own ended one."""

    @property
    def n_failed(self) -> int:
        """Descents that reached no minimum."""
        return self.failures.total()


def basin_hopping(
    landscape: Landscape,
    starts: ArrayLike | Tensor,
    *,
    n_hops: int = 100,
    step: float | ArrayLike | None = None,
    temperature: float = 1.0,
    adapt: bool = True,
    seed: int = 0,
    bounds: ArrayLike | None = None,
    tolerance: float = 1e-5,
    n_lowest: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> HoppingResult:
    r"""Return the minima that walkers from `starts` meet: displace, descend, accept by Metropolis' rule.

    All walkers descend together; each has a generator of its own, so what one does depends on its start, the seed
    and its place only. A hop that reaches no minimum is refused. Wales and Doye, J. Phys. Chem. A 101, 5111 (1997).

    Parameters
    ----------
    starts : array (n_walkers, P)
    step : float or array (P,), optional
        Every coordinate is displaced by up to so much, either way. By default a tenth of the bounds' widths where there
        are some; of clusters, which drift, 0.4 length scales of the landscape; else 0.5.
    temperature : float
        In units of energy: a hop upward by E is accepted with probability exp(-E / temperature).
    adapt : bool
        Every ten hops a walker's step grows or shrinks by a tenth, towards half of its hops accepted.
    bounds : array (2, P), optional
        Of a surface: displaced points are put back within.
    tolerance : float
        Minima as near as this, in units of the landscape's length scale, are one.
    n_lowest : int, optional
        Only so many of the lowest minima are kept, and looked at by their Hessians: of large clusters that takes longer
        than the descent. By default all.

    Raises
    ------
    ValueError
        For starts of another width, a step, temperature or n_lowest that is not positive, or a negative number of hops.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> surface = SixHumpCamel()
    >>> found = basin_hopping(surface, [[2.0, 1.0], [-2.0, 0.0]], n_hops=50, bounds=surface.bounds)
    >>> round(found.minima[0].energy, 4)
    -1.0316
    """
    generators = [np.random.default_rng([seed, k]) for k in range(len(np.asarray(starts)))]
    box = None if bounds is None else np.asarray(bounds, dtype=np.float64)
    lengths = _lengths(landscape, step, box)
    if not temperature > 0 or n_hops < 0:
        raise ValueError(f"temperature {temperature} and n_hops {n_hops} given; a positive and one from 0 are expected")
    if n_lowest is not None and n_lowest < 1:
        raise ValueError(f"n_lowest {n_lowest} given; 1 or more is expected")
    record = _Record(landscape, tolerance, n_lowest, limits)
    ends = record.descended(np.asarray(starts, dtype=np.float64))
    points = np.array([end.point for end in ends]).reshape(len(ends), landscape.n_parameters)
    energies = np.array([end.energy if _is_minimum(end) else np.nan for end in ends])
    sizes, taken = np.ones(len(ends)), np.zeros(len(ends), dtype=np.int64)
    traces, recent = [energies], taken
    for hop in range(n_hops if len(ends) else 0):
        ways = np.array([rng.uniform(-1, 1, landscape.n_parameters) for rng in generators])
        trials = points + sizes[:, None] * lengths * ways
        if box is not None and not landscape.symmetry.drifts:
            trials = np.clip(landscape.symmetry.wrapped(trials, box[0]), *box)
        ends = record.descended(trials)
        # Metropolis' rule; one random number is drawn for each walker in any case.
        chances = np.array([rng.random() for rng in generators])
        reached = np.array([end.energy if _is_minimum(end) else np.inf for end in ends])
        with np.errstate(over="ignore", invalid="ignore"):
            accepted = chances < np.exp(-(reached - energies) / temperature)
        accepted |= np.isnan(energies) & np.isfinite(reached)
        points = np.where(accepted[:, None], [end.point for end in ends], points)
        energies, taken = np.where(accepted, reached, energies), taken + accepted
        traces.append(energies)
        if adapt and (hop + 1) % ADAPT_EVERY == 0:
            sizes = sizes * np.where(2 * (taken - recent) > ADAPT_EVERY, 1.1, 1 / 1.1)
            recent = taken
        if progress is not None:
            progress("basin hopping", hop + 1, n_hops)
    return record.result(np.array(traces).T, taken / max(1, n_hops))


def _lengths(landscape: Landscape, step: float | ArrayLike | None, bounds: Floats | None) -> Floats:
    if step is None:
        plain = 0.5 * landscape.length_scale if bounds is None else 0.1 * (bounds[1] - bounds[0])
        step = 0.4 * landscape.length_scale if landscape.symmetry.drifts else plain
    lengths = np.broadcast_to(np.asarray(step, dtype=np.float64), (landscape.n_parameters,))
    if not (lengths > 0).all():
        raise ValueError(f"step {step} given; positive lengths are expected")
    return lengths


def _is_minimum(end: Refinement) -> bool:
    return end.outcome is Outcome.CONVERGED


class _Record:
    """Distinct minima, their visits, and what was spent."""

    def __init__(self, landscape: Landscape, tolerance: float, n_lowest: int | None, limits: Limits | None) -> None:
        self.landscape, self.n_lowest, self.limits = landscape, n_lowest, limits
        self.engine = engine_of(landscape)
        self.symmetry, self.tolerance = without_units(landscape.symmetry), tolerance * landscape.length_scale
        self.known = PointIndex(self.symmetry, self.tolerance)
        self.minima: list[Refinement] = []
        self.visits: list[int] = []
        self.failures: Counter[str] = Counter()
        self.n_gradients = 0
        self.reason = ""

    def descended(self, points: Floats) -> tuple[Refinement, ...]:
        """Return the minima below some points; those to be kept are then known."""
        if self.engine is None:
            ends = descend(self.landscape, points, limits=self.limits)
        else:
            ends = self.quenched(self.engine, points)
        self.reason = self.reason or reason_among(ends)
        for end in ends:
            self.n_gradients += end.n_gradients
            if not _is_minimum(end):
                self.failures[str(end.outcome)] += 1
            elif self.keeps(end.energy):
                number = self.known.number(end.point)
                if number == len(self.minima):
                    self.minima.append(end)
                    self.visits.append(0)
                self.visits[number] += 1
        if self.n_lowest is not None and len(self.minima) > 4 * self.n_lowest + 16:
            self.forget(self.n_lowest)
        return ends

    def quenched(self, engine: Engine, points: Floats) -> tuple[Refinement, ...]:
        """Return descents by gradients alone; those to be kept are finished where they are not known."""
        limits = self.limits or Limits()
        longest = LONGEST_HOP * np.sqrt(points.shape[1])
        ends: list[Refinement] = []
        for start in points:
            (end,) = engine.down(start[None], limits=limits, longest=longest, tolerance=ROUGHLY)
            # Few are among the lowest: only they are worth the last digits.
            if end.outcome is not Outcome.CONVERGED or not self.keeps(end.energy - ROUGHLY * abs(end.energy)):
                ends.append(as_found(end))
                continue
            (last,) = engine.down(end.point[None], limits=limits)
            last = replace(last, n_steps=end.n_steps + last.n_steps, n_calls=end.n_calls + last.n_calls)
            # The lowest of many are looked at in the end.
            new = self.n_lowest is None and last.outcome is Outcome.CONVERGED and self.is_new(last)
            ends += finished(self.landscape, [last], SteepestDescent(np.inf), limits) if new else [as_found(last)]
        return tuple(ends)

    def is_new(self, end: Rough) -> bool:
        """Return whether no minimum that is kept is the same."""
        return self.known.find(end.point) is None

    def keeps(self, energy: float) -> bool:
        """Return whether a minimum of an energy is among the lowest ones so far."""
        if self.n_lowest is None or len(self.minima) < self.n_lowest:
            return True
        return energy <= sorted(minimum.energy for minimum in self.minima)[self.n_lowest - 1]

    def forget(self, n: int) -> None:
        """Keep the n lowest minima only."""
        order = sorted(range(len(self.minima)), key=lambda k: self.minima[k].energy)[:n]
        self.minima, self.visits = [self.minima[k] for k in order], [self.visits[k] for k in order]
        self.known = PointIndex(self.symmetry, self.tolerance)
        points = [minimum.point for minimum in self.minima]
        self.known.extend(np.reshape(points, (len(points), self.landscape.n_parameters)))

    def finish(self) -> None:
        """Look at the minima that are kept by their Hessians; what is none is a failure."""
        points = np.reshape([minimum.point for minimum in self.minima], (-1, self.landscape.n_parameters))
        ends = descend(self.landscape, points, limits=self.limits)
        self.failures.update(str(end.outcome) for end in ends if not _is_minimum(end))
        self.visits = [n for n, end in zip(self.visits, ends, strict=True) if _is_minimum(end)]
        self.minima = [end for end in ends if _is_minimum(end)]

    def result(self, energies: Floats, accepted: Floats) -> HoppingResult:
        self.forget(len(self.minima) if self.n_lowest is None else self.n_lowest)
        if self.n_lowest is not None and self.engine is not None:
            self.finish()
        return HoppingResult(
            minima=tuple(self.minima),
            visits=np.array(self.visits, dtype=np.int64),
            energies=energies,
            accepted=accepted,
            failures=self.failures,
            n_gradients=self.n_gradients,
            reason=self.reason,
        )


def reason_among(ends: Sequence[Refinement]) -> str:
    """Return why the first of some searches failed, where an error of the landscape's own ended one; else nothing.

    Examples
    --------
    >>> reason_among(())
    ''
    """
    return next((end.message for end in ends if end.outcome is Outcome.FAILED), "")
