"""One kind of picture of a database: how it is drawn, its caption, and the options it uses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from matplotlib.figure import Figure

from elsuite.analysis.options import FigureOptions
from elsuite.analysis.view import View
from elsuite.network import of_finder
from elsuite.network.evidence import in_a_sentence, what_it_means
from elsuite.plotting.markers import SetStyle, set_styles
from elsuite.plotting.style import keep_names_inside, letters_without_glyphs, shown

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase

COMMON = frozenset({"surface", "sets", "width", "height"})
"""Options that every picture uses."""
COLORING = frozenset({"color_by", "energy", "method", "distance", "kernel", "finder", "joins"})
"""Options of a picture whose minima are colored by `elsuite.plotting.coloring`."""


def no_remarks(_view: View) -> list[str]:
    """Return nothing: the caption says the same of every database."""
    return []


def view_remarks(view: View) -> list[str]:
    """Return which graph a picture shows, where the database has several, and what speaks against its minima.

    Examples
    --------
    >>> from elsuite.database import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> paths = {"source": [0, 0], "target": [1, 1], "height": [2.0, 1.0], "joins": ["points", "isomers"]}
    >>> _ = database.add(minima={"energy": [[0.0], [1.0]]}, paths=paths)
    >>> view_remarks(View(database, FigureOptions()))
    ['Points are joined: 1 of 2 paths lead to copies of minima, left out.']
    """
    notes = filter(None, [view.joins_note, view.stationarity_note])
    return [f"{note[0].upper()}{note[1:]}." for note in notes]


def merge_remark(what: str, state: str) -> str:
    """Return a sentence on the state of one merge, and what it means for its height.

    Examples
    --------
    >>> merge_remark("This merge", "untested")
    'This merge is not tested: its height is no barrier.'
    >>> merge_remark("It", "unknown")
    'It is unknown: paths from elsewhere, without a record of what else was searched.'
    """
    if state == "untested":
        return f"{what} is not tested: its height is no barrier."
    return f"{what} is {what_it_means([state]) or state}."


def tree_remarks(view: View) -> list[str]:
    """Return what is known of the merges of the chosen minima's tree, and which graph it is of.

    Examples
    --------
    >>> from elsuite.database import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> paths = {"source": [0], "target": [1], "height": [2.0], "outcome": ["converged"]}
    >>> _ = database.add(minima={"energy": [[0.0], [1.0]]}, paths=paths)
    >>> tree_remarks(View(database, FigureOptions()))
    ['The only merge is tested.']
    """
    tree = view.whole_tree
    return [*filter(None, [in_a_sentence(tree.evidence.states(tree.tree))]), *view_remarks(view)]


@final
@dataclass(frozen=True)
class Picture:
    """One kind of picture of a database; called with a database and options it returns a matplotlib Figure.

    Attributes
    ----------
    draw : callable
        A `View` to a Figure; several pictures of one view compute what they share once.
    uses : frozenset of str
        The fields of `FigureOptions` that change it, besides the surface, the sets and the size; others are refused.
    remarks : callable
        A `View` to sentences that the caption needs for this database, such as how far heights are barriers.

    Examples
    --------
    A kind of picture from outside: a function of a `View`, a caption, and nothing that changes it.

    >>> from elsuite.database import LandscapeDatabase
    >>> from elsuite.plotting import new_figure
    >>> def draw(view):
    ...     figure = new_figure()
    ...     figure.add_subplot(xlabel=energy_label(view)).hist(view.every_energy, bins=2)
    ...     return figure
    >>> picture = Picture(draw, "How many minima have which energy.")
    >>> picture.unused(FigureOptions(order="size"))
    ['order']
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(minima={"energy": [[0.0], [1.0], [1.0]]})
    >>> [int(bar.get_height()) for bar in picture(database, FigureOptions()).axes[0].patches]
    [1, 2]
    """

    draw: Callable[[View], Figure]
    caption: str
    uses: frozenset[str] = frozenset()
    on_page: bool = False
    in_demo: bool = False
    remarks: Callable[[View], list[str]] = no_remarks

    def caption_of(self, view: View) -> str:
        """Return the caption with what it has to say of this database."""
        return " ".join([self.caption, *self.remarks(view)])

    def unused(self, options: FigureOptions) -> list[str]:
        """Return the options that were given and would change nothing."""
        return [name for name in options.given if name not in self.uses | COMMON]

    def __call__(self, database: "LandscapeDatabase", options: FigureOptions) -> Figure:
        """Return the figure; raises ValueError for options that it does not use."""
        if unused := self.unused(options):
            allowed = ", ".join(sorted(self.uses | COMMON))
            raise ValueError(f"options: given {', '.join(unused)}, allowed for this picture: {allowed}")
        if options.finder is not None:
            of_finder(database, options.finder)  # a figure without paths would not say that there are none
        return self.of(View(database, options))

    def of(self, view: View) -> Figure:
        """Return the figure of a view, the names of its axes whole."""
        with letters_without_glyphs():  # a warning is for who makes a file of it
            figure = self.draw(view)
            keep_names_inside(figure)
        return figure


def styles_of(view: View) -> dict[str, SetStyle]:
    """Return the look of each set: the same in every figure of this database."""
    return set_styles(view.all_sets)


def plain_scale(view: View) -> str:
    """Return the scale of an axis that can only be linear or logarithmic, or "auto"."""
    return view.options.scale if view.options.scale in {"linear", "log"} else "auto"


def energy_label(view: View) -> str:
    """Return the name of the energy axis."""
    return shown(view.energy_label, 100)
