"""Which pairs a study would search next in a store that holds its minima (`planned_pairs`)."""

from dataclasses import dataclass

from elsuite.database import LandscapeDatabase
from elsuite.exploration.build import build_finder
from elsuite.exploration.connect import search_tasks
from elsuite.exploration.run import pairs_seed, study_pairs
from elsuite.exploration.study import Study

__all__ = ["PlannedPairs", "planned_pairs"]


@dataclass(frozen=True)
class PlannedPairs:
    """What one table of the study file asks for.

    Attributes
    ----------
    stage : str
    pairs : tuple of (int, int), or None
        Ids of the pairs that have not been tried; None: they are chosen as the paths come in.
    n_done : int
        Pairs tried before, with the same settings.
    """

    stage: str
    pairs: tuple[tuple[int, int], ...] | None
    n_done: int


def planned_pairs(database: LandscapeDatabase, study: Study) -> list[PlannedPairs]:
    """Return the pairs of each `[[paths]]` table between the minima that the database holds now.

    Parameters
    ----------
    database : LandscapeDatabase
    study : Study

    Returns
    -------
    list of PlannedPairs
    """
    plans = []
    for position, section in enumerate(study.paths):
        stage = f"paths: {section.label}, {section.pairs}"
        if section.pairs == "spanning":
            plans.append(PlannedPairs(stage, None, 0))
            continue
        wanted = study_pairs(database, section, seed=pairs_seed(study, position))
        tasks = search_tasks(
            database,
            build_finder(section),
            wanted,
            surface=section.surface or database.surfaces[0],
            align=section.align,
        )
        left = tuple((task.source, task.target) for task in tasks)
        plans.append(PlannedPairs(stage, left, len(wanted) - len(left)))
    return plans
