"""`run_study`: everything that a study file asks for, into one database; what is there already is not done again."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from elsuite.core.identity import nested_differences
from elsuite.core.settings import added_settings, all_settings
from elsuite.core.typing import Ids, Progress
from elsuite.core.versions import versions
from elsuite.database import LandscapeDatabase, can_create, open_database
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.complete import CompletionReport
from elsuite.exploration.computing import torch_threads
from elsuite.exploration.connect import SearchReport
from elsuite.exploration.minima import MinimizationReport, blocks_of, sample_into, starts_of, work_identity
from elsuite.exploration.workers import FactoryRecipe, Workers
from elsuite.landscapes import Landscape
from elsuite.studies.build import as_stored, build_finder, build_minimizer, landscape_of, recipe_of, stored_landscape
from elsuite.studies.model import Study, StudyError
from elsuite.studies.reading import check_surfaces
from elsuite.studies.searches import chosen_pairs, ids_by_set, search_paths

STORE_NAME = "landscape.elsuite"


@dataclass(frozen=True)
class StudyRun:
    """Where a study runs: its file as it was written, and the folder of the store and of unfinished work."""

    study: Study
    text: str
    folder: Path

    @property
    def store(self) -> Path:
        """The path of the database."""
        return self.folder / STORE_NAME

    @property
    def work(self) -> Path:
        """The folder of checkpoints and results that wait to be committed."""
        return self.folder / "work"


@dataclass(frozen=True)
class StudyReport:
    """What came of a study."""

    store: Path
    n_work: int  # starts and searches that the study asks for
    n_done: int  # now
    n_failed: int  # now or before, and not tried again with success
    without_minima: tuple[str, ...] = ()  # sets whose runs all diverged or failed
    incomplete: tuple[str, ...] = ()  # of the trees to be completed, in words what is left


def run_study(
    run: StudyRun,
    *,
    data_dir: str | Path | None = None,
    n_workers: int | None = None,
    scheduler: str | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> StudyReport:
    """Do all that the study asks for and is not in the store yet.

    Starts and searches that raise an exception are rows that say why, and the rest goes on; with `retry_failed`, those
    that failed before are tried again. With `n_workers`, that many processes of this machine work for it; with
    `scheduler`, the address of a running Dask cluster, that cluster. The database is the same as without them, bit by
    bit on one kind of processor.

    Raises
    ------
    StudyError
        When the store holds another study: other data, another network, or other settings under the same name.

    Examples
    --------
    Two descents and one search, none of which is in the store yet.

    >>> import tempfile
    >>> from elsuite.studies import parse_study
    >>> text = '''
    ... data = {name = "digits", n_train = 50, n_test = 20}
    ... network = {architecture = "fcp", hidden = [4]}
    ... minimizers = [{algorithm = "sgd", starts = 2, epochs = 2}]
    ... paths = [{finder = "linear", pairs = "random", sets = ["sgd/train"], n_pairs = 1}]
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = run_study(StudyRun(parse_study(text), text, Path(folder)))
    >>> report.n_work, report.n_done, report.n_failed
    (3, 3, 0)
    """
    if not can_create(run.store):
        with open_database(run.store) as begun:
            run = replace(run, study=as_stored(run.study, begun.attributes))
    with ExitStack() as stack:
        threads = stack.enter_context(study_threads(run.study.threads))
        landscape = landscape_of(run.study.data, run.study.network, data_dir)
        if mistakes := check_surfaces(run.study, landscape.surfaces):
            raise StudyError("\n".join(mistakes))
        database = stack.enter_context(_opened(run, landscape))
        workers = None
        if n_workers is not None or scheduler is not None:
            recipe = FactoryRecipe(landscape_of, (run.study.data, run.study.network, data_dir), threads)
            inbox = run.work / "inbox"
            workers = stack.enter_context(Workers(recipe, inbox, n_workers=n_workers, scheduler=scheduler))
        options: dict[str, Any] = {"workers": workers, "retry_failed": retry_failed, "progress": progress}
        runs = [_minimize(database, landscape, run, k, **options) for k in range(len(run.study.minimizers))]
        searches = [_search(database, landscape, run.study, k, **options) for k in range(len(run.study.paths))]
        filled = set(database.minima["set"].values.tolist())
    for folder in (run.work / "inbox", run.work):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    n_done = sum(r.n_runs for r in runs) + sum(s.n_searched for s in searches)
    parts: list[MinimizationReport | SearchReport | CompletionReport] = [*runs, *searches]
    return StudyReport(
        run.store,
        n_work=n_done + sum(part.n_known for part in parts),
        n_done=n_done,
        n_failed=sum(part.n_failed for part in parts),
        without_minima=tuple(name for name in run.study.sets_on(landscape.surfaces) if name not in filled),
        incomplete=tuple(_left(run.study, k, made) for k, made in enumerate(searches) if _is_incomplete(made)),
    )


def _is_incomplete(made: SearchReport | CompletionReport) -> bool:
    return isinstance(made, CompletionReport) and made.n_left > 0


def _left(study: Study, position: int, made: SearchReport | CompletionReport) -> str:
    section = study.paths[position]
    return f"tree on {section.surface or 'the first surface'} by {section.label}: {made}"


def _minimize(
    database: LandscapeDatabase, landscape: Landscape, run: StudyRun, position: int, **options: Any
) -> MinimizationReport:
    section = run.study.minimizers[position]
    blocks = blocks_of(
        build_minimizer(section),
        label=section.label,
        seeds=list(starts_of(run.study.seed, position, section.starts)),
        identity=work_identity(database, landscape),
        starts_per_block=section.starts_per_block,
        checkpoint_every=section.checkpoint_every,
    )
    return sample_into(database, landscape, blocks, keep=section.keep, folder=run.work, **options)


@contextmanager
def study_threads(number: int) -> Iterator[int]:
    """Let torch use the threads that a study says, and warn where $OMP_NUM_THREADS allows fewer; yield how many."""
    # Of the study and not of the machine: sums depend on it, and equal studies shall give equal databases.
    with torch_threads(number) as threads:
        if threads < number:
            warnings.warn(
                f"threads = {number} in the study, but OMP_NUM_THREADS allows {threads}: computed with {threads}, so "
                f"that the numbers are not bit by bit those of {number} threads",
                stacklevel=3,
            )
        yield threads


def _search(
    database: LandscapeDatabase, landscape: Landscape, study: Study, position: int, **options: Any
) -> SearchReport | CompletionReport:
    section = study.paths[position]
    sets = ids_by_set(database, section.sets, study.sets_on(database.surfaces))
    where = f"paths[{position}].pairs"
    return search_paths(database, landscape, section, sets, seed=_pairs_seed(study, position), where=where, **options)


def ids_of_round(database: LandscapeDatabase, study: Study, position: int) -> list[int]:
    """Return the ids of the minima that a round is about, ascending."""
    sets = ids_by_set(database, study.paths[position].sets, study.sets_on(database.surfaces))
    return sorted(i for members in sets.values() for i in members)


def study_pairs(database: LandscapeDatabase, study: Study, position: int) -> Ids:
    """Return the pairs of ids that a round asks for whose chooser is not adaptive; raises StudyError if that raises."""
    section = study.paths[position]
    sets = ids_by_set(database, section.sets, study.sets_on(database.surfaces))
    return chosen_pairs(database, section, sets, seed=_pairs_seed(study, position), where=f"paths[{position}].pairs")


def _pairs_seed(study: Study, position: int) -> int:
    # Each round draws its pairs from a seed of its own, unless the study says another.
    own = study.paths[position].pairs_seed
    return study.seed + 7919 * position if own is None else own


def _opened(run: StudyRun, landscape: Landscape) -> LandscapeDatabase:
    """Return the store of the study open for writing, made now if it is not there."""
    study = run.study
    minimizers = {
        m.label: {"settings": all_settings(build_minimizer(m)), "keep": m.keep, "starts": m.starts if m.keep else None}
        for m in study.minimizers
    }
    finders = {p.label: all_settings(build_finder(p)) for p in study.paths}
    attributes = {
        "study": run.text,
        # What may not change while a store grows.
        "settings": {"seed": study.seed, "threads": study.threads, "minimizers": minimizers, "finders": finders},
        "landscape": stored_landscape(recipe_of(study.data, study.network), landscape),
        "finders": finders,
        "versions": versions(),
    }
    if can_create(run.store):
        run.folder.mkdir(parents=True, exist_ok=True)
        return LandscapeDatabase.create(run.store, landscape, attributes=attributes)
    database = open_database(run.store, mode="a")
    try:
        _check_same(run, database, attributes)
        check_landscape(database, landscape)
        grown = {key: attributes[key] for key in ("study", "settings", "finders")}
        if "recipe" in attributes["landscape"] and "recipe" in database.attributes.get("landscape", {}):
            grown["landscape"] = attributes["landscape"]  # the code may lie elsewhere now
        if database.attributes.get("study") != run.text or "landscape" in grown:
            database.add(attributes={key: value for key, value in grown.items() if database.attributes[key] != value})
    except BaseException:
        database.close()
        raise
    return database


def _check_same(run: StudyRun, database: LandscapeDatabase, attributes: dict[str, Any]) -> None:
    there, here = database.attributes.get("landscape"), attributes["landscape"]
    stored = {"landscape": _by_content(there), **(database.attributes.get("settings") or {})}
    # Stores of earlier versions do not name what was the only way then, and took what threads the machine had.
    stored.setdefault("threads", run.study.threads)
    before = {p.label: added_settings(build_finder(p)) for p in run.study.paths}
    stored["finders"] = {
        label: before.get(label, {}) | settings for label, settings in (stored.get("finders") or {}).items()
    }
    wanted = {"landscape": _by_content(here), **attributes["settings"]}
    for key, old, new in nested_differences(stored, wanted):
        raise StudyError(
            f"{run.store} holds another study: {key} is {old!r} there and {new!r} here; give another --out folder"
        )


def _by_content(landscape: Any) -> Any:
    """Return a description without names of files: data and code go by what comes of them, which is checked."""
    if isinstance(landscape, dict) and "recipe" in landscape:
        return {}
    data = landscape.get("data") if isinstance(landscape, dict) else None
    if isinstance(data, dict) and str(data.get("name")).endswith(".npz"):
        return {**landscape, "data": {**data, "name": "a file"}}
    return landscape
