"""The store: `LandscapeDatabase`, `open_database`, and the functions that look at a whole store.

`LandscapeDatabase`, `open_database`, `can_create`
    Create, open, add to and read a database; `Added` is what an `add` returns.
`describe`
    The summary that `elsuite info` prints.
`verify_store`
    Check a store against the format; each `Finding` is one thing that is wrong.

Inside: `arrays` reads and writes zarr; `folders` and `locking` say what may be opened and by whom; `open_store` reads;
`writer` commits and makes it last; `rows` turns what is given into checked columns.
"""

from elsuite.database.folders import can_create
from elsuite.database.landscape_database import Added, LandscapeDatabase, open_database
from elsuite.database.query import describe
from elsuite.database.verifying import Finding, verify_store

__all__ = ["Added", "Finding", "LandscapeDatabase", "can_create", "describe", "open_database", "verify_store"]
