"""What can be chosen about the figures of a database, with defaults that look right at once."""

import dataclasses
import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

MOST_LEVELS = 10_000


def parse_levels(text: str) -> int | tuple[float, ...]:
    """Return how many levels, or for FIRST:DELTA:N the energies FIRST, FIRST - DELTA and so on, ascending.

    Raises
    ------
    ValueError
        For anything else; says what is allowed.

    Examples
    --------
    >>> parse_levels("12"), parse_levels("2.0:0.5:3")
    (12, (1.0, 1.5, 2.0))
    """
    *ends, count = text.split(":")
    try:
        n = int(count)
        first, delta = (float(end) for end in ends) if ends else (0.0, 1.0)
    except ValueError as error:
        allowed = "a number of levels, or FIRST:DELTA:N such as 1.5:0.1:12"
        raise ValueError(f"{text!r} given, allowed: {allowed}") from error
    if not 1 <= n <= MOST_LEVELS or not delta > 0 or not math.isfinite(abs(first) + n * delta):
        raise ValueError(f"{text!r}: there are 1 to {MOST_LEVELS:,} levels, a finite DELTA above 0 apart")
    return tuple(first - k * delta for k in reversed(range(n))) if ends else n


def _option(group: str, default: Any, words: str, *, value: str = "NAME", **facts: Any) -> Any:
    """Return a field that says all that the command line, the check and the documentation need to know.

    `facts` are the words that are ``allowed``, the ``limits`` of a number, or what is called to ``parse`` a text.
    """
    nothing: dict[str, Any] = {"allowed": (), "limits": (None, None), "parse": None}
    metadata = {"group": group, "help": words, "metavar": value, **nothing, **facts}
    return dataclasses.field(default=default, metadata=metadata)


_drawn = partial(_option, "What is drawn")
_colors = partial(_option, "Colors and names")
_graphs = partial(_option, "Disconnectivity graphs")
_maps = partial(_option, "Maps, clusters, heights")
_values = partial(_option, "Computed values and profiles")
_size = partial(_option, "Size")


@dataclass(frozen=True)
class FigureOptions:
    """Options of the figures; each field says what it does, and a picture refuses those it does not use.

    What these are called in disconnectionDPS, pele and topsearch is in ``docs/figures.md``.

    Raises
    ------
    ValueError
        For a word that an option does not take, or a number out of its limits; says what is allowed.

    Examples
    --------
    >>> FigureOptions(order="size", shape="sloped").given
    {'order': 'size', 'shape': 'sloped'}
    """

    surface: str | None = _drawn(None, "Whose energies and heights are drawn; default: the first surface.")
    finder: str | None = _drawn(None, "Only paths of the finder with this name; default: the lowest path of each pair.")
    joins: str | None = _drawn(
        None,
        "Only paths between the stored points, or also those to copies of them; default: by the symmetry.",
        allowed=("points", "isomers"),
    )
    sets: tuple[str, ...] = _drawn((), "Only this set; may be repeated.")
    component: int | None = _drawn(None, "Only what is joined with a minimum.", value="ID", limits=(0, None))
    connected: int | None = _drawn(None, "Only components of at least N minima.", value="N", limits=(1, None))
    lowest: int | None = _drawn(None, "Only the N lowest minima.", value="N", limits=(1, None))
    below: float | None = _drawn(None, "Only what lies below an energy.", value="E")
    smallest: int | None = _drawn(None, "Branches of fewer than N minima as one line.", value="N", limits=(1, None))
    persistence: float | None = _drawn(None, "Only minima that last at least so long.", value="E")
    color_by: str = _colors(
        "set",
        "set, superbasin, cluster, none, or a column: a stored one, energy, kernel1, kernel2, distance.",
        value="WHAT",
    )
    energy: float | None = _colors(
        None, "Energy of the superbasins; default: where the tree is split most evenly.", value="E"
    )
    labels: bool = _colors(False, "Ids at the leaves, as many as fit.")
    highlight: tuple[int, ...] = _colors((), "Ring and name a minimum; may be repeated.", value="ID")
    route: tuple[int, int] | None = _colors(
        None, "The best route between two minima; profile: the energies along it.", value="A B"
    )
    order: str = _graphs(
        "centered", "Order of leaves: centered, energy, size, or a column of numbers, as for --color-by.", value="WHAT"
    )
    axis: str = _graphs(
        "rank", "Leaves one apart, or each at its value in the column of --order.", allowed=("rank", "value")
    )
    scale: str = _graphs(
        "auto",
        "Axis of energies: auto is logarithmic where positive energies span more than a factor of 30, and compressed "
        "(empty gaps shrunk, with break marks) where one gap takes 0.4 of it.",
        allowed=("auto", "linear", "log", "compressed"),
    )
    floor: float | None = _graphs(
        None, "Logarithmic axis: energies under E, 0 and negative ones too, are drawn at E and marked.", value="E"
    )
    shape: str = _graphs("rectangular", "Lines at right angles, or sloped.", allowed=("rectangular", "sloped"))
    levels: int | tuple[float, ...] | None = _graphs(
        None,
        "Merges at N levels, or FIRST:DELTA:N as in dinfo files; default: at their exact heights.",
        value="N",
        parse=parse_levels,
    )
    kernel: str = _maps(
        "rbf",
        "Kernel of the map; linear: ordinary principal components.",
        allowed=("rbf", "linear", "polynomial", "sigmoid"),
    )
    method: str = _maps(
        "auto",
        "How clusters are found: of what --distance says, or in the tree; auto: hdbscan up to 4,000 minima, then "
        "persistence.",
        allowed=("auto", "hdbscan", "agglomerative", "spectral", "superbasin", "persistence"),
    )
    distance: str = _maps(
        "map",
        "What clusters are found on: places on the map, distances, or barriers.",
        allowed=("map", "distances", "barriers"),
    )
    form: str = _maps(
        "points", "Heights: values, densities and quartiles, or outlines.", allowed=("points", "histogram")
    )
    minima: tuple[int, int, int] | None = _values(
        None, "Three minima: the stored plane through them; default: the last one stored.", value="A B C"
    )
    minimum: int | None = _values(
        None, "The minimum that is looked at; default: that of the values stored last.", value="ID", limits=(0, None)
    )
    dims: int | None = _values(
        None, "Of a surface around a minimum: 1 or 2; default: the last one stored.", value="N", limits=(1, 2)
    )
    metric: str | None = _values(None, "A metric that was computed, in place of the energy.")
    by_finder: bool = _values(
        False, "Profile: the lowest path of each finder between the two minima of --route, with all metrics."
    )
    width: float | None = _size(None, "3.4 is a column of print, 7 two.", value="INCHES", limits=(1.5, 100))
    height: float | None = _size(None, "What suits the picture by default.", value="INCHES", limits=(1.5, 100))

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, allowed = getattr(self, field.name), field.metadata["allowed"]
            if isinstance(value, np.ndarray):
                value = tuple(value.tolist())
                object.__setattr__(self, field.name, value)
            low, high = field.metadata["limits"]
            if allowed and value is not None and value not in allowed:
                raise ValueError(f"{field.name}: given {value!r}, allowed: {', '.join(allowed)}")
            if value is not None and (
                (low is not None and not value >= low) or (high is not None and not value <= high)
            ):
                limits = f"at least {low}" if high is None else f"{low} to {high}"
                raise ValueError(f"{field.name}: given {value!r}, allowed: {limits}")

    @property
    def given(self) -> dict[str, Any]:
        """The options that are not at their defaults."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if value != defaults[name]}
