"""Whether forces are those of the energies, by few calls of a program (`forces_mistake`)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from elsuite.core.typing import Floats

Computed = Callable[[Floats], tuple[float, Floats] | None]

N_DIRECTIONS = 2
STEP = 0.01
"""Half the length of a way along which forces are integrated, in length scales."""
ROUGH, NOISE = 1e-3, 10.0
"""Forces are wrong if their integral is off by more than this, relative, and so many times the noise of energies."""


class ForcesMistake(NamedTuple):
    """The coordinate that is off most, the derivative that is given there, and what energies say."""

    coordinate: int
    given: float
    there: float

    @property
    def ratio(self) -> float:
        """Of the derivative that is given to that of the energies."""
        return self.given / self.there if self.there else float(np.copysign(np.inf, self.given))


def forces_mistake(
    computed: Computed, points: Sequence[Floats] | Floats, *, scale: float, noise: float
) -> ForcesMistake | None:
    """Return where gradients are not those of the energies, None where they are.

    Gradients are integrated along random directions, by Simpson's rule, and compared with the difference of energies:
    five calls at the first point. A mistake is one that is there at every point, and with a shorter step: forces
    of a cutoff jump at some places.

    Parameters
    ----------
    computed : callable
        Energy and gradient of a point, None where there are none.
    scale : float
        The length over which the energy changes.
    noise : float
        How far, relative, energies differ from smooth ones.

    Examples
    --------
    >>> points = np.array([[1.0, 2.0], [2.0, 1.0]])
    >>> forces_mistake(lambda x: (x @ x, 2 * x), points, scale=1.0, noise=1e-9)
    >>> wrong = forces_mistake(lambda x: (x @ x, x * [2, 3]), points, scale=1.0, noise=1e-9)
    >>> wrong.coordinate, round(wrong.ratio, 6)
    (1, 1.5)
    """
    rng = np.random.default_rng(0)
    found: ForcesMistake | None = None
    for point in points:
        middle = computed(point)
        if middle is None:
            continue
        ways = rng.choice([-1.0, 1.0], (N_DIRECTIONS, len(point)))
        for way in ways:
            if all(_is_off(computed, point, middle, way, factor * STEP * scale, noise) for factor in (1.0, 0.25)):
                break
        else:
            return None
        found = found or _worst(computed, point, middle, way, STEP * scale)
    return found


def _integrals(
    computed: Computed, point: Floats, middle: tuple[float, Floats], way: Floats, step: float
) -> tuple[float, float] | None:
    """Return the mean slope along a way, of the energies and of the gradients."""
    ends = [computed(point + sign * step * way) for sign in (-1.0, 1.0)]
    if ends[0] is None or ends[1] is None:
        return None
    (low, before), (high, after) = ends[0], ends[1]
    return (high - low) / (2 * step), float(way @ (before + 4 * middle[1] + after)) / 6


def _is_off(
    computed: Computed, point: Floats, middle: tuple[float, Floats], way: Floats, step: float, noise: float
) -> bool:
    slopes = _integrals(computed, point, middle, way, step)
    if slopes is None:
        return False
    there, given = slopes
    # Of a direction of signs the slope is about as large as the gradient, whose parts may cancel.
    size = max(float(np.linalg.norm(middle[1])), abs(there))
    return abs(there - given) > ROUGH * size + NOISE * noise * abs(middle[0]) / step


def _worst(
    computed: Computed, point: Floats, middle: tuple[float, Floats], way: Floats, step: float
) -> ForcesMistake | None:
    """Return the coordinate that is to blame for a slope that is off, by halves."""

    def slopes(low: int, high: int) -> tuple[float, float]:
        part = np.zeros(len(point))
        part[low:high] = way[low:high]
        return _integrals(computed, point, middle, part, step) or (0.0, 0.0)

    low, high = 0, len(point)
    while high - low > 1:
        center = (low + high) // 2
        first, second = (abs(np.subtract(*slopes(*ends))) for ends in ((low, center), (center, high)))
        low, high = (low, center) if first >= second else (center, high)
    there, given = slopes(low, high)
    return ForcesMistake(low, float(way[low] * given), float(way[low] * there))
