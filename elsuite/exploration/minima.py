"""Runs of a minimizer into the database: block by block, resumable, the best kept."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from elsuite.core.identity import canonical_json, content_key, retry_key
from elsuite.core.outcomes import UNUSABLE, Outcome
from elsuite.core.settings import all_settings, check_instance
from elsuite.core.typing import Progress
from elsuite.database import LandscapeDatabase
from elsuite.exploration.attempts import reason_of, remaining_work, stops_all
from elsuite.exploration.checking import check_landscape, checked_count, checked_seeds
from elsuite.exploration.ends import told_apart
from elsuite.exploration.metrics import metrics_of_points
from elsuite.exploration.new_rows import (
    NewRows,
    add_rows,
    joined,
    load_rows,
    minimization_rows,
    save_rows,
    select_lowest,
)
from elsuite.exploration.workers import Workers
from elsuite.landscapes.base import Landscape
from elsuite.minimizers.base import Minimizer


@dataclass(frozen=True)
class MinimizationReport:
    """What came of some starts."""

    n_runs: int
    """Runs done now."""
    n_known: int
    """Starts whose run the database held already."""
    n_minima: int
    """Minima stored now: the solutions of usable runs, or of the best of them."""
    n_failed: int
    """Runs that raised an exception or lost their workers, now or before, and were not tried again with success."""
    n_unusable: int
    """Runs done now that diverged or came to no number: they give no solutions."""


@dataclass(frozen=True)
class Block:
    """Some starts that one call of the minimizer takes together, in lockstep; a task for `Workers`."""

    label: str
    """Of the minimizer; the first half of the names of its sets."""
    minimizer: Minimizer
    seeds: tuple[int, ...]
    keys: tuple[int, ...]
    """One for each start, as the seeds; a key is the hash of the landscape, the minimizer's settings and the seed."""
    checkpoint_every: int = 50
    """Epochs between two checkpoints."""
    attempts: tuple[int, ...] = ()
    """How often each start has failed before; empty: never."""
    folder: Path | None = None
    """Of checkpoints: a killed call goes on where it was."""
    identity: str = "null"
    """Which landscape it is for, as `Task` says."""

    @property
    def row_keys(self) -> tuple[int, ...]:
        """The keys of the rows of the runs."""
        return tuple(map(retry_key, self.keys, self.attempts)) if self.attempts else self.keys

    @property
    def key(self) -> int:
        """The key of the block as a whole."""
        return content_key("block", *self.row_keys)

    def starts(self) -> Iterator["Block"]:
        """Yield each start as a block of its own."""
        attempts = self.attempts or (0,) * len(self.seeds)
        for seed, key, attempt in zip(self.seeds, self.keys, attempts, strict=True):
            yield replace(self, seeds=(seed,), keys=(key,), attempts=(attempt,))

    def left(self, attempts: Mapping[int, int]) -> "Block":
        """Return the starts that are to be done, by key; a study that has grown can know some of them."""
        rest = [(s, k, attempts[k]) for s, k in zip(self.seeds, self.keys, strict=True) if k in attempts]
        seeds, keys, numbers = zip(*rest, strict=True) if rest else ((), (), ())
        return replace(self, seeds=seeds, keys=keys, attempts=numbers)

    def file(self, ending: str = ".npz") -> Path | None:
        """Return where the folder has the block's rows or, by another ending, its checkpoint."""
        return None if self.folder is None else self.folder / f"{self.key:016x}{ending}"

    def clear(self, *, but: Path | None = None) -> None:
        """Delete the files of the block and of its starts."""
        for part in (self, *self.starts()):
            for path in (part.file(), part.file(".checkpoint.npz")):
                if path is not None and path != but:
                    path.unlink(missing_ok=True)

    def loaded(self) -> "Block":
        """Return the block itself: starts are made from seeds."""
        return self

    def perform(self, landscape: Landscape) -> NewRows:
        """Return the rows of the block's runs and their solutions."""
        shared = self if self.folder is None or self.folder.is_dir() else replace(self, folder=None)
        rows = block_rows(landscape, shared)
        shared.clear()
        return rows

    def failed(self, reason: str) -> NewRows:
        """Return runs without solutions that say why."""
        n = len(self.keys)
        return NewRows(
            runs={
                "key": np.array(self.row_keys, dtype=np.uint64),
                "seed": np.array(self.seeds, dtype=np.int64),
                "minimizer": np.array([self.label] * n),
                "outcome": np.array([str(Outcome.FAILED)] * n),
                "message": np.array([reason] * n),
            }
        )


def work_identity(database: LandscapeDatabase, landscape: Landscape) -> Any:
    """Return what the keys of runs say of their landscape: what the database says, which stays as it is.

    Where code and data lie is no part of it. Of a landscape that a recipe has made, it is what that declares.
    """
    stored = database.attributes.get("landscape")
    if isinstance(stored, dict) and "recipe" in stored:
        identity = database.attributes["identity"]
        return [identity[name] for name in ("kind", "settings", "data", "n_parameters", "surfaces")]
    return stored or [landscape.n_parameters, list(landscape.surfaces)]


def blocks_of(
    minimizer: Minimizer,
    *,
    label: str,
    seeds: Sequence[int],
    identity: Any,
    starts_per_block: int = 24,
    checkpoint_every: int = 50,
) -> tuple[Block, ...]:
    """Return the starts with `seeds` as blocks; `identity` says in JSON's types which landscape it is."""
    settings = all_settings(minimizer)
    keys = [content_key("run", identity, minimizer.name, settings, seed) for seed in seeds]
    parts = [slice(begin, begin + starts_per_block) for begin in range(0, len(seeds), starts_per_block)]
    return tuple(Block(label, minimizer, tuple(seeds[p]), tuple(keys[p]), checkpoint_every) for p in parts)


def block_rows(landscape: Landscape, block: Block, progress: "_StartsDone | None" = None) -> NewRows:
    """Return the rows of one block, also where starts raise exceptions: these have rows that say so.

    When the block raises one, each start is done alone, so that the others get their solutions; with a folder, a
    killed call goes on at the start where it was.
    """
    seeds = list(block.seeds)
    try:
        if block.folder is not None:
            block.folder.mkdir(parents=True, exist_ok=True)
        results = block.minimizer.minimize(
            landscape,
            landscape.initial_points(seeds),
            seeds=seeds,
            checkpoint=block.file(".checkpoint.npz"),
            checkpoint_every=block.checkpoint_every,
            progress=progress,
        )
        rows = minimization_rows(
            told_apart(landscape, results),
            keys=block.keys,
            label=block.label,
            surfaces=landscape.surfaces,
            row_keys=block.row_keys,
        )
        if not rows.minima:
            return rows
        return replace(rows, minima=rows.minima | metrics_of_points(landscape, rows.minima["coordinates"]))
    except Exception as error:  # of a user's own landscape, anything
        if (progress is not None and progress.raised) or stops_all(error, block.folder):
            raise
        if len(block.seeds) == 1:
            return block.failed(reason_of(error))
    parts = []
    for start in block.starts():
        done = start.file()
        if done is not None and done.exists():
            parts.append(load_rows(done))
            continue
        parts.append(block_rows(landscape, start))
        if done is not None:
            save_rows(done, parts[-1])
    return joined(parts)


def sample_into(
    database: LandscapeDatabase,
    landscape: Landscape,
    blocks: Sequence[Block],
    *,
    keep: int | None = None,
    folder: Path | None = None,
    workers: Workers | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> MinimizationReport:
    """Run the blocks that `database` does not hold yet and commit them, each at once.

    With `keep`, the solutions of only the `keep` usable runs of lowest energy on the first surface become minima, runs
    that are known included; finished blocks then wait as files in `folder` until all are there. With `workers`, blocks
    run in other processes, at the same time, and are committed in the same order.
    """
    check_landscape(database, landscape)
    keys = [key for block in blocks for key in block.keys]
    left = remaining_work(database.runs, keys, retry_failed=retry_failed)
    identity = canonical_json(database.attributes.get("identity"))
    todo = [block.left(left.attempts) for block in blocks]
    tasks = [replace(block, folder=folder, identity=identity) for block in todo if block.seeds]
    told = _StartsDone(progress, len(set(keys)), left.n_known)
    outcomes: Counter[str] = Counter()
    waiting: list[NewRows] = []
    n_before = database.n_minima
    here = _found_here(landscape, tasks, told, wait=keep is not None)
    found = here if workers is None else workers.results(tasks)
    for task, rows in zip(tasks, found, strict=True):
        outcomes.update(rows.runs["outcome"].tolist())
        told.add(task)
        if keep is None:
            add_rows(database, rows, sync=True)
            _forget([task], workers)
        else:
            waiting.append(rows)
    if waiting and keep is not None:
        best = select_lowest(joined(waiting), keep, _kept_before(database, set(keys)))
        add_rows(database, best, sync=True)
        _forget(tasks, workers)
    n_failed = outcomes[Outcome.FAILED]
    return MinimizationReport(
        n_runs=outcomes.total(),
        n_known=left.n_known,
        n_minima=database.n_minima - n_before,
        n_failed=left.n_failed + n_failed,
        n_unusable=sum(outcomes[outcome] for outcome in UNUSABLE) - n_failed,
    )


def run_minimizer(
    database: LandscapeDatabase,
    landscape: Landscape,
    minimizer: Minimizer,
    seeds: Sequence[int],
    *,
    label: str | None = None,
    keep: int | None = None,
    folder: str | Path | None = None,
    checkpoint_every: int = 50,
    starts_per_block: int = 24,
    workers: Workers | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> MinimizationReport:
    """Descend from one random start for each seed and store the runs and their solutions.

    The solutions are the sets ``"label/surface"``, one for each surface of the landscape: the point at the minimum of
    that surface's curve. Runs that the database holds are not done again; with `retry_failed`, those that failed are.
    Runs that diverge, come to no number or raise an exception give no solutions; their rows say why. So do those of
    landscapes without data that end at a saddle; where the Hessian has zero eigenvalues they are "degenerate".

    Parameters
    ----------
    keep : int, optional
        Only the solutions of so many runs, the lowest on the first surface, become minima.
    folder : path, optional
        Checkpoints are kept there while it runs, and a killed call goes on where it was.
    checkpoint_every : int
        Epochs between two checkpoints.
    starts_per_block : int
        So many starts descend together; their rows are committed when all of them are done.

    Raises
    ------
    ValueError
        For seeds that are no different whole numbers, or numbers of epochs or starts that are not positive.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> from elsuite.landscapes import SixHumpCamel
    >>> from elsuite.minimizers import LBFGSGSS
    >>> camel = SixHumpCamel()
    >>> with LandscapeDatabase.create(None, camel) as database:
    ...     run_minimizer(database, camel, LBFGSGSS(), seeds=range(3))
    MinimizationReport(n_runs=3, n_known=0, n_minima=3, n_failed=0, n_unusable=0)
    """
    check_instance("landscape", landscape, Landscape)
    check_instance("minimizer", minimizer, Minimizer)
    check_landscape(database, landscape)
    blocks = blocks_of(
        minimizer,
        label=label or minimizer.name,
        seeds=checked_seeds(seeds),
        identity=work_identity(database, landscape),
        starts_per_block=checked_count("starts_per_block", starts_per_block),
        checkpoint_every=checked_count("checkpoint_every", checkpoint_every),
    )
    return sample_into(
        database,
        landscape,
        blocks,
        keep=keep,
        folder=None if folder is None else Path(folder),
        workers=workers,
        retry_failed=retry_failed,
        progress=progress,
    )


@dataclass
class _StartsDone:
    """Tells how many starts are done, within a block by its epochs; `raised` says that an error was the callback's."""

    progress: Progress | None
    n_starts: int
    done: int
    block: Block | None = None
    raised: bool = False

    def __call__(self, epoch: int, n_epochs: int) -> None:
        if self.block is not None:
            # In hundredths of a start, so that the bar moves within a block.
            share = 100 * len(self.block.seeds) * epoch // max(n_epochs, 1)
            self._tell(self.block, 100 * self.done + share, 100 * self.n_starts)

    def add(self, block: Block) -> None:
        """Count a block as done."""
        self.done += len(block.seeds)
        if self.block is None:  # done elsewhere: no epochs were told
            self._tell(block, self.done, self.n_starts)

    def _tell(self, block: Block, done: int, total: int) -> None:
        if self.progress is None:
            return
        try:
            self.progress(f"minimizing: {block.label}", done, total)
        except Exception:
            self.raised = True
            raise


def _found_here(landscape: Landscape, blocks: Sequence[Block], told: _StartsDone, *, wait: bool) -> Iterator[NewRows]:
    """Yield the rows of blocks done in this process; those that `wait` to be committed are files in their folder."""
    for block in blocks:
        own = block.file() if wait else None
        told.block = block
        if own is not None and own.exists():
            yield load_rows(own)
            continue
        rows = block_rows(landscape, block, told)
        if own is not None:
            save_rows(own, rows)
            block.clear(but=own)
        yield rows


def _kept_before(database: LandscapeDatabase, keys: Iterable[int]) -> list[float]:
    """Return the lowest energy, on the first surface, of each of the starts that has minima in the database."""
    minima = database.minima
    stored = dict(zip(minima["key"].values.tolist(), minima["energy"].values[:, 0].tolist(), strict=True))
    of_starts = ([content_key("minimum", start, surface) for surface in database.surfaces] for start in keys)
    return [min(stored[key] for key in own if key in stored) for own in of_starts if not stored.keys().isdisjoint(own)]


def _forget(blocks: Sequence[Block], workers: Workers | None) -> None:
    """Delete the files of blocks whose rows are committed."""
    if workers is not None:
        workers.forget(blocks)
        return
    for block in blocks:
        block.clear()


def starts_of(seed: int, position: int, n_starts: int) -> Iterator[int]:
    """Yield the seeds of the starts of minimizer number `position` in a study with `seed`."""
    base = 1_000_000 * seed + 10_000 * position
    yield from range(base, base + n_starts)
