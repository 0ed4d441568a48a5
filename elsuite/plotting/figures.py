"""The pictures by kind; each is imported on first use, so that its name is known without matplotlib."""

import dataclasses
from typing import TYPE_CHECKING, Any

from elsuite.core.plugins import PluginTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elsuite.database import LandscapeDatabase
    from elsuite.plotting.picture import Picture

FIGURES: "PluginTable[Picture]" = PluginTable(
    "pictures",
    {
        "disconnectivity": "elsuite.plotting.disconnectivity:PICTURE",
        "superbasins": "elsuite.plotting.superbasins:PICTURE",
        "heights": "elsuite.plotting.heights:PICTURE",
        "kpca": "elsuite.plotting.embedding:KPCA",
        "pca": "elsuite.plotting.embedding:PCA",
        "mds": "elsuite.plotting.embedding:MDS",
        "distances": "elsuite.plotting.distances:PICTURE",
        "losses": "elsuite.plotting.losses:PICTURE",
        "profile": "elsuite.plotting.profile:PICTURE",
        "network": "elsuite.plotting.network:PICTURE",
        "clustering": "elsuite.plotting.clustering:PICTURE",
        "plane": "elsuite.plotting.plane:PICTURE",
        "around": "elsuite.plotting.around:PICTURE",
        "interpolation": "elsuite.plotting.interpolation:PICTURE",
        "spectrum": "elsuite.plotting.spectrum:PICTURE",
    },
    "picture",
    of="elsuite.plotting.picture:Picture",
)
"""The pictures: ``FIGURES[kind](database, options)`` returns a matplotlib Figure."""


def plot(database: "LandscapeDatabase", kind: str, **options: Any) -> "Figure":
    """Return a picture of a database, as ``elsuite plot KIND`` draws it; notebooks show it, `save_figure` writes it.

    Parameters
    ----------
    kind : str
        A name in `FIGURES`.
    **options
        Fields of `FigureOptions`, which are the options of the command line.

    Raises
    ------
    ValueError
        For a kind that is none, and options that it does not take.

    Examples
    --------
    >>> from elsuite.database import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(minima={"energy": [[0.0], [1.0]]}, paths={"source": [0], "target": [1], "height": [2.0]})
    >>> plot(database, "disconnectivity", labels=True).axes[0].get_ylabel()
    'energy'
    """
    from elsuite.analysis.options import FigureOptions

    fields = {field.name for field in dataclasses.fields(FigureOptions)}
    if unknown := [name for name in options if name not in fields]:
        raise ValueError(f"options: given {', '.join(unknown)}, allowed: {', '.join(sorted(fields))}")
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }
    return FIGURES.choose(kind)(database, FigureOptions(**given))
