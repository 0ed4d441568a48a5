"""The study file: what is explored, how minima are reached and joined, and `run_study`, which does it.

`Study`, `load_study`, `parse_study`, `shipped_study`, `StudyError`; `StudyRun`, `run_study`; `landscape_of_database`.
"""

from elsuite.studies.build import landscape_of_database
from elsuite.studies.model import Study, StudyError
from elsuite.studies.reading import load_study, parse_study, shipped_study
from elsuite.studies.run import StudyRun, run_study

__all__ = [
    "Study",
    "StudyError",
    "StudyRun",
    "landscape_of_database",
    "load_study",
    "parse_study",
    "run_study",
    "shipped_study",
]
