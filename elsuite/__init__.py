"""elsuite: databases of minima, graphs of barriers, disconnectivity graphs.

What a first program needs is here, loaded when it is asked for; ``dir(elsuite)`` lists it. The rest is in

- the reading half, which never loads torch: `elsuite.database`, `elsuite.network`, `elsuite.analysis`,
  `elsuite.interchange`, `elsuite.plotting`, `elsuite.report`;
- the making half: `elsuite.datasets`, `elsuite.landscapes`, `elsuite.minimizers`, `elsuite.stationary`,
  `elsuite.paths`;
- where they meet: `elsuite.exploration`, `elsuite.studies`, `elsuite.cli`;
- under all: `elsuite.symmetry` (when two points are one), `elsuite.core`.
"""

import importlib
from typing import Any

from elsuite.core.versions import __version__

_PLACES = {
    "analysis": ("cluster_minima", "compare", "disconnectivity_tree", "kernel_pca", "superbasins"),
    "core.outcomes": ("Outcome",),
    "database": ("LandscapeDatabase", "describe", "open_database", "verify_store"),
    "datasets": ("load_data",),
    "exploration": (
        "add_solutions",
        "all_pairs",
        "basin_hopping",
        "between_pairs",
        "complete_tree",
        "connect_minima",
        "connect_spanning",
        "import_checkpoints",
        "interpolations",
        "map_landscape",
        "merge_databases",
        "nearest_pairs",
        "plane",
        "quench",
        "random_pairs",
        "run_minimizer",
        "spectral_density",
        "stored_path",
        "surface_around",
        "within_pairs",
    ),
    "landscapes": (
        "AtomicLandscape",
        "FunctionLandscape",
        "LennardJones",
        "MullerBrown",
        "NeuralLandscape",
        "SixHumpCamel",
        "network_landscape",
    ),
    "minimizers": ("LBFGSGSS", "SGD", "TorchOptimizer"),
    "network": ("minimax_barrier", "minimax_route", "transition_network"),
    "paths": ("AutoNEBPathFinder", "BezierPathFinder", "ChainPathFinder", "FourierPathFinder", "LinearPathFinder"),
    "plotting": ("plot", "plot_disconnectivity", "save_figure"),
    "report": ("write_report",),
    "studies": ("load_study", "run_study"),
}
"""Sub-package to the names that it lends to the top level."""

_PACKAGES = (
    *(name for name in _PLACES if "." not in name),
    "cli",
    "core",
    "interchange",
    "schema",
    "stationary",
    "symmetry",
)
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}

__all__ = [*sorted(_PLACE_OF), "__version__"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: `elsuite --help` then starts without zarr and xarray, and a reader without torch.
    if name in _PLACE_OF:
        return getattr(importlib.import_module(f"elsuite.{_PLACE_OF[name]}"), name)
    if name in _PACKAGES:
        return importlib.import_module(f"elsuite.{name}")
    raise AttributeError(f"module 'elsuite' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_PACKAGES])
