"""The table of foreign formats: one row each, from which the commands import and export are made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

from elsuite.core.plugins import PluginTable
from elsuite.interchange.foreign import ForeignLandscape


@final
@dataclass(frozen=True)
class Format:
    """How another program's files are read and written.

    Attributes
    ----------
    words : str
        What is read or written, for the help: "the CSV file of edges".
    read : callable or None
        A place, and the options of reading, to a `ForeignLandscape`.
    write : callable or None
        A `ForeignLandscape`, a place, and the options of writing.
    write_network : callable or None
        Instead of `write`, for a format of graphs: a networkx MultiGraph of `transition_network` and a place.
    write_database : callable or None
        Instead of `write`, for a format of points: a `LandscapeDatabase`, a place, and the keyword `surface`.
    read_options, write_options : mapping of str to str
        Keyword arguments that are texts to what they mean; each is an option of the command.
    verified : bool
        States are taken for verified transition states, by its other users too.
    example : str
        The name of a source, for the help.

    Examples
    --------
    A format from outside: one energy a line, no edges.

    >>> import tempfile
    >>> import numpy as np
    >>> def read_energies(place):
    ...     none = np.empty(0, dtype=int)
    ...     return ForeignLandscape(np.loadtxt(place, ndmin=1), none, none, heights=np.empty(0))
    >>> energies = Format("the text file of energies", read_energies, example="energies.txt")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savetxt(f"{folder}/energies.txt", [-2.0, -1.0])
    ...     energies.read(f"{folder}/energies.txt").energies.tolist()
    [-2.0, -1.0]
    """

    words: str
    read: Callable[..., ForeignLandscape] | None = None
    write: Callable[..., None] | None = None
    write_network: Callable[..., None] | None = None
    write_database: Callable[..., None] | None = None
    read_options: Mapping[str, str] = field(default_factory=dict)
    write_options: Mapping[str, str] = field(default_factory=dict)
    verified: bool = True
    example: str = "source"

    def check_options(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of writing that were given; raises ValueError for one that the format does not take."""
        chosen = {option: value for option, value in given.items() if value is not None}
        for option in chosen:
            if option not in self.write_options:
                users = [other for other in FORMATS if option in FORMATS[other].write_options]
                raise ValueError(f"--{option}: given with {name}, allowed with {', '.join(users)} only")
        return chosen


FORMATS: PluginTable[Format] = PluginTable(
    "formats",
    {
        "pathsample": "elsuite.interchange.pathsample:FORMAT",
        "topsearch": "elsuite.interchange.topsearch:FORMAT",
        "pele": "elsuite.interchange.pele:FORMAT",
        "npz": "elsuite.interchange.arrays:FORMAT",
        "edges": "elsuite.interchange.edges:FORMAT",
        "graphml": "elsuite.interchange.graphml:FORMAT",
        "structures": "elsuite.interchange.structures:FORMAT",
    },
    "format",
    of="elsuite.interchange.formats:Format",
)
"""The formats by name; another package adds one by an entry point of the group ``elsuite.formats``."""
