"""Where the two halves meet: from landscapes, minimizers and finders into a database.

Minima and paths into a database
    `run_minimizer`, `connect_minima`, `map_landscape`
Choosing pairs
    `all_pairs`, `random_pairs`, `within_pairs`, `between_pairs`, `nearest_pairs`, `connect_spanning`
Studies
    `Study`, `load_study`, `parse_study`, `StudyRun`, `run_study`, `StudyError`
"""

from elsuite.exploration.connect import connect_minima
from elsuite.exploration.mapping import map_landscape
from elsuite.exploration.pairs import all_pairs, between_pairs, nearest_pairs, random_pairs, within_pairs
from elsuite.exploration.run import StudyRun, run_study
from elsuite.exploration.sample import run_minimizer
from elsuite.exploration.spanning import connect_spanning
from elsuite.exploration.study import Study, StudyError, load_study, parse_study

__all__ = [
    "Study",
    "StudyError",
    "StudyRun",
    "all_pairs",
    "between_pairs",
    "connect_minima",
    "connect_spanning",
    "load_study",
    "map_landscape",
    "nearest_pairs",
    "parse_study",
    "random_pairs",
    "run_minimizer",
    "run_study",
    "within_pairs",
]
