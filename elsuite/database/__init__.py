"""The store: `LandscapeDatabase`, `open_database`, and the functions that look at a whole store.

`LandscapeDatabase`, `open_database`
    Create, open, add to and read a database; `Added` is what an `add` returns.
`describe`
    The summary that `elsuite info` prints.
`verify_store`
    Check a store against the format; each `Finding` is one thing that is wrong.

Inside: `arrays` reads and writes zarr, `locking` keeps writers apart, `rows` turns what is given into columns,
`tables` turns columns into xarray Datasets.
"""

from elsuite.database.landscape_database import Added, LandscapeDatabase, open_database

__all__ = ["Added", "LandscapeDatabase", "open_database"]
