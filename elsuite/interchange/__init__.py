"""Foreign formats, one file each: readers return a `ForeignLandscape`, writers take one.

- PATHSAMPLE: `read_pathsample`, `write_pathsample`;
- topsearch: `read_topsearch`, `write_topsearch`;
- pele: `read_pele`, `write_pele`;
- numpy arrays: `read_solutions`, `read_arrays`, `write_arrays`;
- CSV edge lists: `read_edges`, `write_edges`;
- GraphML: `write_graphml`.

`FORMATS` is the table of them, from which the commands import and export are made; `to_database` and `from_database`
are the way in and out of a store. Whatever is wrong with a file is a `FormatError` that names file and line. Nothing
that is there is written over, and a file is written whole or not at all.
"""

from elsuite.interchange.arrays import read_arrays, read_solutions, write_arrays
from elsuite.interchange.edges import read_edges, write_edges
from elsuite.interchange.foreign import ForeignLandscape, FormatError
from elsuite.interchange.formats import FORMATS, Format
from elsuite.interchange.graphml import write_graphml
from elsuite.interchange.pathsample import read_pathsample, write_pathsample
from elsuite.interchange.pele import read_pele, write_pele
from elsuite.interchange.storing import from_database, to_database
from elsuite.interchange.topsearch import read_topsearch, write_topsearch

__all__ = [
    "FORMATS",
    "ForeignLandscape",
    "Format",
    "FormatError",
    "from_database",
    "read_arrays",
    "read_edges",
    "read_pathsample",
    "read_pele",
    "read_solutions",
    "read_topsearch",
    "to_database",
    "write_arrays",
    "write_edges",
    "write_graphml",
    "write_pathsample",
    "write_pele",
    "write_topsearch",
]
