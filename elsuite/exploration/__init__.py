"""Where the two halves meet: from landscapes, minimizers and finders into a database.

Minima and paths into a database
    `run_minimizer`, `connect_minima`, `map_landscape` (by a `MappingPlan`), `connect_pair` (two minima however far
    apart), `basin_hopping`, `add_solutions`, `add_structures`, `import_checkpoints`, `quench`
Paths read back
    `stored_path`
Values for pictures, computed once and stored
    `plane`, `surface_around`, `interpolations`, `spectral_density`
Databases as a whole
    `merge_databases`
Choosing pairs
    `all_pairs`, `random_pairs`, `within_pairs`, `between_pairs`, `nearest_pairs`; as paths come in,
    `connect_spanning` and `complete_tree`
"""

from elsuite.database.merging import MergeReport, merge_databases
from elsuite.exploration.around import surface_around
from elsuite.exploration.checkpoints import CheckpointReport, import_checkpoints
from elsuite.exploration.complete import CompletionReport, complete_tree, connect_spanning
from elsuite.exploration.connect import connect_minima
from elsuite.exploration.densities import spectral_density
from elsuite.exploration.lines import interpolations
from elsuite.exploration.mapping.basin_hopping import HoppingResult, basin_hopping
from elsuite.exploration.mapping.double_ended import Connection, connect_pair
from elsuite.exploration.mapping.plan import MappingPlan
from elsuite.exploration.mapping.run import map_landscape
from elsuite.exploration.mapping.structures import add_structures
from elsuite.exploration.minima import run_minimizer
from elsuite.exploration.pairs import all_pairs, between_pairs, nearest_pairs, random_pairs, within_pairs
from elsuite.exploration.planes import plane
from elsuite.exploration.quench import quench
from elsuite.exploration.solutions import add_solutions
from elsuite.exploration.stored import stored_path

__all__ = [
    "CheckpointReport",
    "CompletionReport",
    "Connection",
    "HoppingResult",
    "MappingPlan",
    "MergeReport",
    "add_solutions",
    "add_structures",
    "all_pairs",
    "basin_hopping",
    "between_pairs",
    "complete_tree",
    "connect_minima",
    "connect_pair",
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
]
