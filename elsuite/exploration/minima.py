"""Runs of a minimizer into the database: block by block, resumable, the best kept."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from elsuite.core.identity import canonical_json, content_key, retry_key
from elsuite.core.outcomes import UNUSABLE, Outcome
from elsuite.core.settings import all_settings
from elsuite.core.typing import Progress
from elsuite.database import LandscapeDatabase
from elsuite.exploration.attempts import reason_of, remaining_work, stops_all
from elsuite.exploration.checking import check_landscape
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
    """What came of some starts.

    Attributes
    ----------
    n_runs : int
        Runs done now.
    n_known : int
        Starts whose run the database held already.
    n_minima : int
        Minima stored now: the solutions of usable runs, or of the best of them.
    n_failed : int
        Runs that raised an exception or lost their workers, now or before, and were not tried again with success.
    n_unusable : int
        Runs done now that diverged or came to no number: they give no solutions.
    """

    n_runs: int
    n_known: int
    n_minima: int
    n_failed: int
    n_unusable: int


@dataclass(frozen=True)
class Block:
    """Some starts that one call of the minimizer takes together, in lockstep.

    Attributes
    ----------
    label : str
        Of the minimizer; the first half of the names of its sets.
    seeds, keys : tuple of int
        One for each start; a key is the hash of the landscape, the minimizer's settings and the seed.
    checkpoint_every : int
        Epochs between two checkpoints.
    attempts : tuple of int
        How often each start has failed before; empty: never.
    """

    label: str
    minimizer: Minimizer
    seeds: tuple[int, ...]
    keys: tuple[int, ...]
    checkpoint_every: int = 50
    attempts: tuple[int, ...] = ()

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


@dataclass(frozen=True)
class BlockTask:
    """A block as a task for `Workers`; `folder` is for checkpoints."""

    block: Block
    folder: Path | None
    identity: str = "null"

    @property
    def key(self) -> int:
        """The key of the block."""
        return self.block.key

    def loaded(self) -> "BlockTask":
        """Return the task itself: starts are made from seeds."""
        return self

    def perform(self, landscape: Landscape) -> NewRows:
        """Return the rows of the block's runs and their solutions."""
        shared = self.folder if self.folder is not None and self.folder.is_dir() else None
        rows = block_rows(landscape, self.block, folder=shared)
        _clear(shared, self.block)
        return rows

    def failed(self, reason: str) -> NewRows:
        """Return runs without solutions that say why."""
        n = len(self.block.keys)
        return NewRows(
            runs={
                "key": np.array(self.block.row_keys, dtype=np.uint64),
                "seed": np.array(self.block.seeds, dtype=np.int64),
                "minimizer": np.array([self.block.label] * n),
                "outcome": np.array([str(Outcome.FAILED)] * n),
                "message": np.array([reason] * n),
            }
        )


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
    return tuple(
        Block(
            label,
            minimizer,
            tuple(seeds[i : i + starts_per_block]),
            tuple(keys[i : i + starts_per_block]),
            checkpoint_every,
        )
        for i in range(0, len(seeds), starts_per_block)
    )


def minimize_block(
    landscape: Landscape,
    block: Block,
    *,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NewRows:
    """Return the rows of one block; with a `folder` for checkpoints, a killed call goes on where it was."""
    seeds = list(block.seeds)
    checkpoint = None if folder is None else _file(folder, block, ".checkpoint.npz")
    if checkpoint is not None:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
    results = block.minimizer.minimize(
        landscape,
        landscape.initial_points(seeds),
        seeds=seeds,
        checkpoint=checkpoint,
        checkpoint_every=block.checkpoint_every,
        progress=progress,
    )
    return minimization_rows(
        results, keys=block.keys, label=block.label, surfaces=landscape.surfaces, row_keys=block.row_keys
    )


def block_rows(
    landscape: Landscape, block: Block, *, folder: Path | None = None, progress: "_StartsDone | None" = None
) -> NewRows:
    """Return the rows of one block, also where starts raise exceptions: these have rows that say so.

    When the block raises one, each start is done alone, so that the others get their solutions; with a `folder`, a
    killed call goes on at the start where it was.
    """
    try:
        return minimize_block(landscape, block, folder=folder, progress=progress)
    except Exception as error:  # of a user's own landscape, anything
        if (progress is not None and progress.raised) or stops_all(error, folder):
            raise
        if len(block.seeds) == 1:
            return BlockTask(block, None).failed(reason_of(error))
    parts = []
    for start in block.starts():
        done = None if folder is None else _file(folder, start)
        if done is not None and done.exists():
            parts.append(load_rows(done))
            continue
        parts.append(block_rows(landscape, start, folder=folder))
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
    todo = [part for block in blocks if (part := block.left(left.attempts)).seeds]
    identity = canonical_json(database.attributes.get("identity"))
    tasks = [BlockTask(block, folder, identity) for block in todo]
    told = _StartsDone(progress, len(set(keys)), left.n_known)
    outcomes: Counter[str] = Counter()
    waiting: list[NewRows] = []
    n_before = database.n_minima
    here = _found_here(landscape, tasks, told, wait=keep is not None)
    found = here if workers is None else workers.results(tasks)
    for task, rows in zip(tasks, found, strict=True):
        outcomes.update(rows.runs["outcome"].tolist())
        told.add(task.block)
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
    workers: Workers | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> MinimizationReport:
    """Descend from one random start for each seed and store the runs and their solutions.

    The solutions are the sets ``"label/surface"``, one for each surface of the landscape: the point at the minimum of
    that surface's curve. Runs that the database holds are not done again; with `retry_failed`, those that failed are.
    Runs that diverge, come to no number or raise an exception give no solutions; their rows say why.

    Parameters
    ----------
    keep : int, optional
        Only the solutions of so many runs, the lowest on the first surface, become minima.
    folder : path, optional
        Checkpoints are kept there while it runs, and a killed call goes on where it was.

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
    check_landscape(database, landscape)
    identity = database.attributes.get("landscape") or [landscape.n_parameters, list(landscape.surfaces)]
    return sample_into(
        database,
        landscape,
        blocks_of(minimizer, label=label or minimizer.name, seeds=list(seeds), identity=identity),
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


def _found_here(
    landscape: Landscape, tasks: Sequence[BlockTask], told: _StartsDone, *, wait: bool
) -> Iterator[NewRows]:
    """Yield the rows of blocks done in this process; those that `wait` to be committed are files in their folder."""
    for task in tasks:
        block, folder = task.block, task.folder
        own = _file(folder, block) if folder is not None and wait else None
        told.block = block
        if own is not None and own.exists():
            yield load_rows(own)
            continue
        rows = block_rows(landscape, block, folder=folder, progress=told)
        if own is not None:
            save_rows(own, rows)
            _clear(folder, block, but=own)
        yield rows


def _kept_before(database: LandscapeDatabase, keys: Iterable[int]) -> list[float]:
    """Return the lowest energy, on the first surface, of each of the starts that has minima in the database."""
    energies = zip(database.minima["key"].values.tolist(), database.minima["energy"].values[:, 0], strict=True)
    stored = dict(energies)
    found = [
        [stored[key] for surface in database.surfaces if (key := content_key("minimum", start, surface)) in stored]
        for start in keys
    ]
    return [float(min(values)) for values in found if values]


def _forget(tasks: Sequence[BlockTask], workers: Workers | None) -> None:
    """Delete the files of blocks whose rows are committed."""
    if workers is not None:
        workers.forget(tasks)
        return
    for task in tasks:
        _clear(task.folder, task.block)


def _file(folder: Path, block: Block, ending: str = ".npz") -> Path:
    return folder / f"{block.key:016x}{ending}"


def _clear(folder: Path | None, block: Block, *, but: Path | None = None) -> None:
    if folder is None:
        return
    for part in (block, *block.starts()):
        for path in (_file(folder, part), _file(folder, part, ".checkpoint.npz")):
            if path != but:
                path.unlink(missing_ok=True)


def starts_of(seed: int, position: int, n_starts: int) -> Iterator[int]:
    """Yield the seeds of the starts of minimizer number `position` in a study with `seed`."""
    base = 1_000_000 * seed + 10_000 * position
    yield from range(base, base + n_starts)
