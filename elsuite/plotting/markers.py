"""One color and one marker for each set of minima, the same in every picture and on the page."""

import colorsys
from collections.abc import Iterable
from dataclasses import dataclass

NEUTRAL = "#8a8a8a"

# Okabe and Ito's colors (told apart with any common color vision), as families of a dark and a light hue: the
# hue says which minimizer, the lightness and the filling of the marker say where it was stopped.
FAMILIES = (
    ("#0072B2", "#56B4E9"),
    ("#D55E00", "#E69F00"),
    ("#007A5A", "#35C29A"),
    ("#8E4585", "#CC79A7"),
    ("#555555", "#A0A0A0"),
)
CATEGORY_COLORS = ("#44AA99", "#AA4499", "#999933", "#332288", "#CC6677", "#117733", "#88CCEE", "#882255")

# How each marker is called by matplotlib, by plotly, and drawn in a box of 14 x 14.
SHAPES = {
    "o": ("circle", '<circle cx="7" cy="7" r="4.5"/>'),
    "s": ("square", '<rect x="2.5" y="2.5" width="9" height="9"/>'),
    "^": ("triangle-up", '<path d="M7 2 12 12H2Z"/>'),
    "D": ("diamond", '<path d="M7 1 13 7 7 13 1 7Z"/>'),
    "v": ("triangle-down", '<path d="M7 12 12 2H2Z"/>'),
    "P": ("cross", '<path d="M5 2H9V5H12V9H9V12H5V9H2V5H5Z"/>'),
    "X": ("x", '<path d="M2 4 4 2 7 5 10 2 12 4 9 7 12 10 10 12 7 9 4 12 2 10 5 7Z"/>'),
    "<": ("triangle-left", '<path d="M2 7 12 2V12Z"/>'),
    ">": ("triangle-right", '<path d="M12 7 2 2V12Z"/>'),
}
MARKERS = tuple(SHAPES)


@dataclass(frozen=True)
class SetStyle:
    """How one set of minima looks: a hexadecimal color, one of `MARKERS`, and whether its face is white or filled.

    Examples
    --------
    >>> SetStyle("#0072B2", "o").face, SetStyle("#0072B2", "o", filled=False).face
    ('#0072B2', 'white')
    """

    color: str
    marker: str
    filled: bool = True

    @property
    def face(self) -> str:
        """The color of a marker's face."""
        return self.color if self.filled else "white"

    @property
    def symbol(self) -> str:
        """What plotly calls the marker."""
        name = SHAPES[self.marker][0]
        return name if self.filled else f"{name}-open"

    @property
    def shape(self) -> str:
        """The marker as an element of SVG, in a box of 14 x 14."""
        return SHAPES[self.marker][1]


UNGROUPED = SetStyle(NEUTRAL, "o", filled=False)
"""How minima look that belong to no group."""


def set_styles(sets: Iterable[str]) -> dict[str, SetStyle]:
    """Return a style for each set named "minimizer/stopping".

    The hue and the marker's shape follow the minimizer, lightness and filling follow the stopping. Give all sets
    of a database, in a fixed order, and each keeps its color whatever a picture leaves out.

    Examples
    --------
    >>> styles = set_styles(["sgd/train", "sgd/test", "lbfgs-gss/train"])
    >>> styles["sgd/train"].color, styles["sgd/test"].color, styles["lbfgs-gss/train"].color
    ('#0072B2', '#56B4E9', '#D55E00')
    """
    members: dict[str, list[str]] = {}
    names = list(dict.fromkeys(sets))
    for name in names:
        members.setdefault(name.partition("/")[0], []).append(name)
    if any(len(group) > 2 for group in members.values()) or len(members) > len(FAMILIES):
        return category_styles(names)
    styles = {}
    for family, (group, colors) in enumerate(zip(members.values(), FAMILIES, strict=False)):
        # "train" is the filled one of a pair whichever comes first.
        group.sort(key=lambda name: name.endswith("/test"))
        for number, name in enumerate(group):
            styles[name] = SetStyle(colors[number], MARKERS[family], filled=number == 0)
    return {name: styles[name] for name in names}


def category_styles(categories: Iterable[str]) -> dict[str, SetStyle]:
    """Return a color for each category, no two alike, and a marker; there are nine of these.

    Examples
    --------
    >>> {name: style.marker for name, style in category_styles(["even", "odd"]).items()}
    {'even': 'o', 'odd': 's'}
    """
    names = list(dict.fromkeys(categories))
    return {
        name: SetStyle(_category_color(number), MARKERS[number % len(MARKERS)]) for number, name in enumerate(names)
    }


def _category_color(number: int) -> str:
    """Return the color of a category by its number: eight, then darker and lighter ones, then hues far apart."""
    shade, place = divmod(number, len(CATEGORY_COLORS))
    if shade > 2:
        lightness, saturation = 0.3 + 0.4 * (number % 7) / 6, 0.4 + 0.4 * (number % 5) / 4
        parts = colorsys.hls_to_rgb(number * 0.6180339887498949 % 1.0, lightness, saturation)
    else:
        own = [int(CATEGORY_COLORS[place][k : k + 2], 16) / 255 for k in (1, 3, 5)]
        parts = tuple((part, 0.55 * part, 0.45 * part + 0.55)[shade] for part in own)  # type: ignore[assignment]
    return "#" + "".join(f"{round(255 * part):02X}" for part in parts)
