"""Which pairs a study would search next in a store that holds its minima (`planned_pairs`)."""

from dataclasses import dataclass

from elsuite.database import LandscapeDatabase
from elsuite.exploration.connect import plan_searches
from elsuite.exploration.minima import starts_of
from elsuite.studies.build import build_finder
from elsuite.studies.model import Study
from elsuite.studies.run import study_pairs

__all__ = ["PlannedPairs", "planned_pairs", "starts_left"]


@dataclass(frozen=True)
class PlannedPairs:
    """What one table of the study file asks for.

    Attributes
    ----------
    pairs : tuple of (int, int), or None
        Ids of the pairs that have not been tried; None: they are chosen as the paths come in.
    n_done : int
        Pairs tried before, with the same settings.
    """

    stage: str
    pairs: tuple[tuple[int, int], ...] | None
    n_done: int


def planned_pairs(database: LandscapeDatabase, study: Study) -> list[PlannedPairs]:
    """Return the pairs of each `[[paths]]` table between the minima that the database holds now."""
    plans = []
    for position, section in enumerate(study.paths):
        stage = f"paths: {section.label}, {section.pairs}"
        if section.pairs == "spanning":
            plans.append(PlannedPairs(stage, None, 0))
            continue
        wanted = study_pairs(database, study, position)
        plan = plan_searches(
            database,
            build_finder(section),
            wanted,
            surface=section.surface or database.surfaces[0],
            align=section.align,
        )
        left = tuple((task.source, task.target) for task in plan.tasks)
        plans.append(PlannedPairs(stage, left, len(wanted) - len(left)))
    return plans


def starts_left(database: LandscapeDatabase, study: Study) -> int:
    """Return how many starts of the study the database has no run of: pairs change as their minima come in."""
    rows = zip(database.runs["minimizer"].values.tolist(), database.runs["seed"].values.tolist(), strict=True)
    known = set(rows)
    return sum(
        (section.label, seed) not in known
        for position, section in enumerate(study.minimizers)
        for seed in starts_of(study.seed, position, section.starts)
    )
