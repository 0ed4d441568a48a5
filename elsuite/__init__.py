"""elsuite: databases of minima, graphs of barriers, disconnectivity graphs.

The reading half (never loads torch)
    `elsuite.database`, `elsuite.network`, `elsuite.analysis`, `elsuite.plotting`, `elsuite.report`
The making half (torch)
    `elsuite.landscapes`, `elsuite.minimizers`, `elsuite.sampling`, `elsuite.paths`, `elsuite.stationary`
Where they meet
    `elsuite.exploration`, `elsuite.cli`
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = ["LandscapeDatabase", "__version__", "open_database"]

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase, open_database


def __getattr__(name: str) -> Any:
    # Loaded on first use: `elsuite --help` then starts without zarr and xarray.
    if name in {"LandscapeDatabase", "open_database"}:
        from elsuite import database

        return getattr(database, name)
    raise AttributeError(f"module 'elsuite' has no attribute {name!r}")
