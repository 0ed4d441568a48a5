"""One round of searches, as a table of a study file or the command `connect` describes it: `search_paths`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from elsuite.core.typing import Ids, Progress
from elsuite.database import LandscapeDatabase
from elsuite.database.query import usable_minima
from elsuite.exploration.complete import CompletionReport
from elsuite.exploration.connect import SearchReport, connect_minima
from elsuite.exploration.pairs import AdaptiveChooser, PairContext
from elsuite.landscapes import Landscape
from elsuite.paths.record import WITHIN
from elsuite.studies.build import build_chooser, build_finder
from elsuite.studies.model import PathsSection, StudyError


def ids_by_set(database: LandscapeDatabase, wanted: Sequence[str], own: Iterable[str]) -> dict[str, list[int]]:
    """Return the ids of the minima of each set in `wanted`, or of those of `own` that there are.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(minima={"energy": [[0.0], [1.0], [2.0]], "set": ["a", "b", "a"]})
    >>> ids_by_set(database, [], ["a", "c"])
    {'a': [0, 2]}
    """
    names = [str(name) for name in database.minima["set"].values.tolist()]
    # Sets that came from elsewhere, such as relaxed minima, are none of a study's: they change none of its pairs.
    return {name: [i for i, of in enumerate(names) if of == name] for name in wanted or sorted(set(names) & set(own))}


def chosen_pairs(
    database: LandscapeDatabase, section: PathsSection, sets: Mapping[str, Sequence[int]], *, seed: int, where: str
) -> Ids:
    """Return the pairs that a section asks for whose chooser is not adaptive.

    Raises
    ------
    StudyError
        When the chooser, which may be another package's, raises an error.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(minima={"energy": [[0.0], [1.0], [2.0]]})
    >>> chosen_pairs(database, PathsSection(pairs="all"), {"": [0, 1, 2]}, seed=0, where="pairs").tolist()
    [[0, 1], [0, 2], [1, 2]]
    """
    try:
        chosen = build_chooser(section).choose(PairContext(database, sets, seed))
        pairs = np.asarray(chosen, dtype=np.int64).reshape(-1, 2)
    except Exception as error:  # of another package, which may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise StudyError(f"{where}: {section.pairs!r} cannot choose: {reason}") from error
    # Drawn among all rows, as ever, so that a store of an earlier version draws the pairs that it has; no path leads to
    # what a run left behind that diverged.
    return np.sort(pairs[usable_minima(database)[pairs].all(axis=1)], axis=1)


def search_paths(
    database: LandscapeDatabase,
    landscape: Landscape,
    section: PathsSection,
    sets: Mapping[str, Sequence[int]],
    *,
    seed: int = 0,
    where: str = "pairs",
    progress: Progress | None = None,
    **options: Any,
) -> SearchReport | CompletionReport:
    """Search the paths that a section asks for between the minima of some sets, and store what is found.

    Parameters
    ----------
    seed : int
        Of the pairs that are drawn.
    where : str
        What messages call the choice of pairs.
    options
        Of `connect_minima`, such as `workers` and `retry_failed`.

    Examples
    --------
    >>> from elsuite.landscapes import SixHumpCamel
    >>> camel = SixHumpCamel()
    >>> with LandscapeDatabase.create(None, camel) as database:
    ...     _ = database.add(minima={"coordinates": camel.minima[:2], "energy": camel.minimum_energies[:2, None]})
    ...     search_paths(database, camel, PathsSection(finder="linear", pairs="all"), {"": [0, 1]})
    SearchReport(n_searched=1, n_known=0, n_failed=0)
    """
    surface = section.surface or landscape.surfaces[0]

    def report(stage: str, done: int, total: int) -> None:
        if progress is not None:
            usual = f"paths: {section.label}, {section.pairs}, {surface}"
            progress(stage if stage.startswith(WITHIN) else usual, done, total)

    options |= {
        "surface": surface,
        "measure_on": section.measure,
        "label": section.label,
        "keep_curve": section.keep_curves,
        "curves": section.curves,
        "align": section.align,
        "progress": report,
    }
    finder, chooser = build_finder(section), build_chooser(section)
    if isinstance(chooser, AdaptiveChooser):
        ids = sorted(i for members in sets.values() for i in members)
        return chooser.search(database, landscape, finder, ids, **options)
    pairs = chosen_pairs(database, section, sets, seed=seed, where=where)
    return connect_minima(database, landscape, finder, pairs, **options)
