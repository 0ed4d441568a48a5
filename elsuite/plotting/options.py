"""What can be chosen about the figures of a database, with defaults that look right at once."""

from dataclasses import dataclass

__all__ = ["FigureOptions"]


@dataclass(frozen=True)
class FigureOptions:
    """Options of the figures; each figure uses those that concern it.

    Attributes
    ----------
    surface : str or None
        Whose energies and heights are drawn; None: the first of the database.
    finder : str or None
        Only paths of the finder with this name; None: the lowest path of each pair.
    sets : tuple of str
        Only these sets; empty: all.
    color_by : str
        "set", "superbasin", "cluster", "none", or a column of the minima: its categories, or its numbers with a
        scale bar.
    energy : float or None
        Energy of the superbasins; None: where the tree is split most evenly.
    order : str
        Order of the leaves: "centered", "energy", "size", or a column of the minima whose numbers order them:
        a stored one, "kernel1", "kernel2" (components of the map) or "distance" (to the lowest minimum). Any of
        these serves `color_by` as well.
    axis : str
        "rank": leaves stand one apart; "value": each at its number, where `order` is a column.
    scale : str
        Energy axis: "auto" (logarithmic where positive energies span more than a factor of 30, and compressed
        where one gap takes 0.4 of it), "linear", "log", "compressed" (empty gaps are shrunk, with break marks).
    shape : str
        Lines of a disconnectivity graph: "rectangular" or "sloped".
    levels : int, tuple of float, or None
        Draw merges at this many levels of energy, or at these energies, as the classical drawings do; None: at
        their exact heights.
    labels : bool
        Ids at the leaves, as many as fit.
    highlight : tuple of int
        Minima to ring and name.
    route : pair of int, or None
        Draw the lowest route between two minima; the profile figure shows the energies along it.
    component : int or None
        Only what is joined with this minimum.
    connected : int or None
        Only components of at least this many minima.
    lowest : int or None
        Only that many of the lowest minima.
    below : float or None
        Only what lies below this energy.
    smallest : int or None
        Draw branches of fewer minima than this as one line.
    persistence : float or None
        Only minima that last at least this long.
    form : str
        Heights: "points" (values, densities and quartiles) or "histogram".
    kernel : str
        Map: "rbf", "linear" (ordinary principal components), "polynomial" or "sigmoid".
    method : str
        Clustering: "hdbscan", "agglomerative" or "spectral" of what `distance` says, "superbasin" or "persistence" in
        the tree; "auto": HDBSCAN up to 4,000 minima, then persistence.
    distance : str
        What minima are clustered on: their places on the "map", their "distances", or the "barriers" between them.
    width, height : float or None
        Size in inches; None: what suits the figure (one column of print is 3.4, two are 7).

    Notes
    -----
    What these are called in disconnectionDPS, pele and topsearch is in ``docs/figures.md``.
    """

    surface: str | None = None
    finder: str | None = None
    sets: tuple[str, ...] = ()
    color_by: str = "set"
    energy: float | None = None
    order: str = "centered"
    axis: str = "rank"
    scale: str = "auto"
    shape: str = "rectangular"
    levels: int | tuple[float, ...] | None = None
    labels: bool = False
    highlight: tuple[int, ...] = ()
    route: tuple[int, int] | None = None
    component: int | None = None
    connected: int | None = None
    lowest: int | None = None
    below: float | None = None
    smallest: int | None = None
    persistence: float | None = None
    form: str = "points"
    kernel: str = "rbf"
    method: str = "auto"
    distance: str = "map"
    width: float | None = None
    height: float | None = None
