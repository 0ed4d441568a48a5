"""Where the two halves meet: from landscapes, minimizers and finders into a database.

Minima and paths into a database
    `run_minimizer`, `connect_minima`, `map_landscape` (by a `MappingPlan`), `basin_hopping`, `add_solutions`, `quench`
Databases as a whole
    `merge_databases`, `landscape_of_database`
Choosing pairs
    `all_pairs`, `random_pairs`, `within_pairs`, `between_pairs`, `nearest_pairs`, `connect_spanning`
Studies
    `Study`, `load_study`, `parse_study`, `StudyRun`, `run_study`, `StudyError`
"""

from elsuite.exploration.basin_hopping import HoppingResult, basin_hopping
from elsuite.exploration.connect import connect_minima
from elsuite.exploration.mapping import map_landscape
from elsuite.exploration.mapping_plan import MappingPlan
from elsuite.exploration.merge import MergeReport, merge_databases
from elsuite.exploration.pairs import all_pairs, between_pairs, nearest_pairs, random_pairs, within_pairs
from elsuite.exploration.quench import quench
from elsuite.exploration.run import StudyRun, run_study
from elsuite.exploration.sample import run_minimizer
from elsuite.exploration.solutions import add_solutions
from elsuite.exploration.spanning import connect_spanning
from elsuite.exploration.stored import landscape_of_database
from elsuite.exploration.study import Study, StudyError, load_study, parse_study

__all__ = [
    "HoppingResult",
    "MappingPlan",
    "MergeReport",
    "Study",
    "StudyError",
    "StudyRun",
    "add_solutions",
    "all_pairs",
    "basin_hopping",
    "between_pairs",
    "connect_minima",
    "connect_spanning",
    "landscape_of_database",
    "load_study",
    "map_landscape",
    "merge_databases",
    "nearest_pairs",
    "parse_study",
    "quench",
    "random_pairs",
    "run_minimizer",
    "run_study",
    "within_pairs",
]
