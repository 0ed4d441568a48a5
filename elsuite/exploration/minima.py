"""Runs of a minimizer into the database: block by block, resumable, the best kept."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from elsuite.core.identity import content_key
from elsuite.core.outcomes import Outcome
from elsuite.core.settings import all_settings
from elsuite.database import LandscapeDatabase
from elsuite.exploration.batches import (
    Batch,
    add_batch,
    joined,
    load_batch,
    minimization_batch,
    save_batch,
    select_lowest,
)
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.workers import Workers
from elsuite.landscapes.base import Landscape
from elsuite.minimizers.base import Minimizer

__all__ = ["Block", "Progress", "blocks_of", "minimize_block", "run_minimizer", "sample_into"]

Progress = Callable[[str, int, int], None]


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
    """

    label: str
    minimizer: Minimizer
    seeds: tuple[int, ...]
    keys: tuple[int, ...]
    checkpoint_every: int = 50

    @property
    def key(self) -> int:
        """The key of the block as a whole."""
        return content_key("block", *self.keys)


@dataclass(frozen=True)
class BlockTask:
    """A block as a task for `Workers`; `folder` is for checkpoints."""

    block: Block
    folder: Path | None

    @property
    def key(self) -> int:
        """The key of the block."""
        return self.block.key

    def perform(self, landscape: Landscape) -> Batch:
        """Return the rows of the block's runs and their solutions."""
        shared = self.folder if self.folder is not None and self.folder.is_dir() else None
        batch = minimize_block(landscape, self.block, folder=shared)
        _drop_checkpoint(shared, self.block)
        return batch

    def failed(self, reason: str) -> Batch:
        """Return runs without solutions that say why."""
        n = len(self.block.keys)
        return Batch(
            runs={
                "key": np.array(self.block.keys, dtype=np.uint64),
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
) -> Batch:
    """Return the rows of one block; with a `folder` for checkpoints, a killed call goes on where it was."""
    seeds = list(block.seeds)
    checkpoint = None if folder is None else folder / f"{block.key:016x}.checkpoint.npz"
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
    return minimization_batch(results, keys=block.keys, label=block.label, surfaces=landscape.surfaces)


def sample_into(
    database: LandscapeDatabase,
    landscape: Landscape,
    blocks: Sequence[Block],
    *,
    keep: int | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
) -> None:
    """Run the blocks that `database` does not hold yet and commit them, each at once.

    With `keep`, the solutions of only the `keep` runs of lowest energy on the first surface become minima; finished
    blocks then wait as files in `folder` until all are there. With `workers`, blocks run in other processes, at the
    same time, and are committed in the same order.
    """
    check_landscape(database, landscape)
    known = set(database.runs["key"].values.tolist())
    missing = [part for block in blocks if (part := _missing_part(block, known)).seeds]
    n_starts = sum(len(block.seeds) for block in blocks)
    done = n_starts - sum(len(block.seeds) for block in missing)
    if workers is not None:
        _sample_with(workers, database, missing, keep, folder, (progress, done, n_starts))
        return
    waiting: list[Path] = []
    batches: list[Batch] = []
    for block in missing:
        report = _block_progress(progress, block, done, n_starts)
        if keep is None:
            add_batch(database, minimize_block(landscape, block, folder=folder, progress=report), sync=True)
            _drop_checkpoint(folder, block)
        else:
            batch, file = _finished_block(landscape, block, folder, report)
            batches.append(batch)
            waiting += file
        done += len(block.seeds)
    if batches and keep is not None:
        add_batch(database, select_lowest(joined(batches), keep), sync=True)
        for path in waiting:
            path.unlink()


def run_minimizer(
    database: LandscapeDatabase,
    landscape: Landscape,
    minimizer: Minimizer,
    *,
    seeds: Sequence[int],
    label: str | None = None,
    keep: int | None = None,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Descend from one random start for each seed and store the runs and their solutions.

    The solutions are the sets ``"label/surface"``, one for each surface of the landscape: the point at the minimum of
    that surface's curve. Runs that the database holds are not done again. With a `folder`, checkpoints are kept there
    while it runs, and a killed call goes on where it was.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> from elsuite.landscapes import SixHumpCamel
    >>> from elsuite.minimizers import LBFGSGSS
    >>> landscape = SixHumpCamel()
    >>> with LandscapeDatabase.create(None, landscape) as database:
    ...     run_minimizer(database, landscape, LBFGSGSS(), seeds=range(3))
    ...     database.n_minima
    3
    """
    check_landscape(database, landscape)
    identity = database.attributes.get("landscape") or [landscape.n_parameters, list(landscape.surfaces)]
    blocks = blocks_of(minimizer, label=label or minimizer.name, seeds=list(seeds), identity=identity)
    where = None if folder is None else Path(folder)
    sample_into(database, landscape, blocks, keep=keep, folder=where, progress=progress)


def _sample_with(
    workers: Workers,
    database: LandscapeDatabase,
    blocks: Sequence[Block],
    keep: int | None,
    folder: Path | None,
    account: tuple[Progress | None, int, int],
) -> None:
    progress, done, n_starts = account
    tasks = [BlockTask(block, folder) for block in blocks]
    batches: list[Batch] = []
    for task, batch in zip(tasks, workers.results(tasks), strict=True):
        batches.append(batch)
        done += len(task.block.seeds)
        if progress is not None:
            progress(f"minimizing: {task.block.label}", done, n_starts)
        if keep is None:
            add_batch(database, batch, sync=True)
            workers.forget([task])
    if keep is not None and batches:
        whole = [batch for batch in batches if batch.minima]
        for batch in batches:
            if not batch.minima:
                add_batch(database, batch)
        add_batch(database, select_lowest(joined(whole), keep), sync=True)
        workers.forget(tasks)


def _missing_part(block: Block, known: set[int]) -> Block:
    """Return the starts of a block that are not known; a study that has grown can know some of them."""
    rest = [(seed, key) for seed, key in zip(block.seeds, block.keys, strict=True) if key not in known]
    return replace(block, seeds=tuple(seed for seed, _ in rest), keys=tuple(key for _, key in rest))


def _finished_block(
    landscape: Landscape, block: Block, folder: Path | None, report: Callable[[int, int], None] | None
) -> tuple[Batch, list[Path]]:
    if folder is None:
        return minimize_block(landscape, block, progress=report), []
    path = folder / f"{block.key:016x}.npz"
    if not path.exists():
        save_batch(path, minimize_block(landscape, block, folder=folder, progress=report))
        _drop_checkpoint(folder, block)
    return load_batch(path), [path]


def _drop_checkpoint(folder: Path | None, block: Block) -> None:
    if folder is not None:
        (folder / f"{block.key:016x}.checkpoint.npz").unlink(missing_ok=True)


def _block_progress(
    progress: Progress | None, block: Block, done: int, n_starts: int
) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    size, stage = len(block.seeds), f"minimizing: {block.label}"

    def report(epoch: int, n_epochs: int) -> None:
        # In hundredths of a start, so that the bar moves within a block.
        progress(stage, 100 * done + 100 * size * epoch // max(n_epochs, 1), 100 * n_starts)

    return report


def starts_of(seed: int, position: int, n_starts: int) -> Iterator[int]:
    """Yield the seeds of the starts of minimizer number `position` in a study with `seed`."""
    base = 1_000_000 * seed + 10_000 * position
    yield from range(base, base + n_starts)
