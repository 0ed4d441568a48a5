"""Many processes for one study: `Workers` hands tasks to a Dask cluster and gives back results in the order of tasks.

Delivery is made idempotent, since an engine delivers at least once: a task's key is the hash of its content; the
worker leaves its result as a synced file of that name in an inbox; the coordinator, the only writer of the store,
takes files in the order of the tasks, so that ids do not depend on who was quicker, and deletes them once they are
committed. What lies in the inbox at the next start counts as done.
"""

import os
from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from elsuite.exploration.batches import Batch, load_batch, save_batch
from elsuite.landscapes.base import Landscape

__all__ = ["Recipe", "Task", "Workers"]

DEATHS = 4
"""A task that has killed so many workers is given up."""


class Task(Protocol):
    """A piece of work that any process can do, given the landscape."""

    @property
    def key(self) -> int:
        """The hash of what the result depends on."""

    def perform(self, landscape: Landscape) -> Batch:
        """Return the rows that the work adds to the database."""

    def failed(self, reason: str) -> Batch:
        """Return the rows that say that the work cannot be done."""


class Recipe(Hashable, Protocol):
    """How a worker makes the landscape: a value that can be pickled, compared and hashed."""

    @property
    def threads(self) -> int:
        """Threads of torch in a worker."""

    def landscape(self) -> Landscape:
        """Return the landscape."""


class Workers:
    """A Dask cluster that works for one study; a context manager.

    Parameters
    ----------
    inbox : Path
        Folder of results that wait to be committed.
    n_workers : int, optional
        Processes on this machine.
    scheduler : str, optional
        Address of a running cluster instead, such as ``"tcp://node1:8786"``.
    """

    def __init__(
        self, recipe: Recipe, inbox: Path, *, n_workers: int | None = None, scheduler: str | None = None
    ) -> None:
        import dask
        import distributed

        engine: Any = distributed  # has no types

        self._recipe, self._inbox = recipe, inbox
        inbox.mkdir(parents=True, exist_ok=True)
        for leftover in inbox.glob(".*.tmp"):
            leftover.unlink()
        dask.config.set({"distributed.scheduler.allowed-failures": DEATHS - 1})
        self._cluster: Any = None
        if scheduler is None:
            self._cluster = engine.LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                # Any free port: a second study on the machine would find the usual one taken, and warn.
                dashboard_address="127.0.0.1:0",
                silence_logs=50,
            )
        self._client = engine.Client(scheduler or self._cluster)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def results(self, tasks: Sequence[Task]) -> Iterator[Batch]:
        """Yield the result of each task, in the order given; what lies in the inbox is not done again."""
        queue = deque(task for task in tasks if not self._file(task).exists())
        running: dict[Any, Task] = {}
        for task in tasks:
            while not self._file(task).exists():
                self._fill(queue, running)
                self._collect(running)
            self._fill(queue, running)
            yield load_batch(self._file(task))

    def _fill(self, queue: deque[Task], running: dict[Any, Task]) -> None:
        """Start tasks, no more than there are threads: one that waits at a dying worker would share the blame."""
        inbox = str(self._inbox.absolute())
        while queue and len(running) < max(1, sum(self._client.nthreads().values())):
            task = queue.popleft()
            key = f"elsuite-{task.key:016x}"
            running[self._client.submit(_perform, self._recipe, task, inbox, key=key, pure=False)] = task

    def _collect(self, running: dict[Any, Task]) -> None:
        """Wait until one of the running tasks is done, and see that its result lies in the inbox."""
        import distributed
        from distributed.scheduler import KilledWorker

        engine: Any = distributed
        for future in engine.wait(list(running), return_when="FIRST_COMPLETED").done:
            task = running.pop(future)
            try:
                returned = future.result()
            except KilledWorker:
                returned = task.failed(f"it killed its worker {DEATHS} times")
            if returned is not None:  # a worker that does not share our folders sends its result
                save_batch(self._file(task), returned)
            future.release()

    def forget(self, tasks: Sequence[Task]) -> None:
        """Delete the results of tasks whose rows are committed and synced."""
        for task in tasks:
            self._file(task).unlink(missing_ok=True)

    def _file(self, task: Task) -> Path:
        return self._inbox / f"{task.key:016x}.npz"


def _perform(recipe: Recipe, task: Any, inbox: str) -> Batch | None:
    """Do a task in a worker; return None if its result lies in the inbox, else the result."""
    import torch

    torch.set_num_threads(recipe.threads)
    folder = Path(inbox)
    path = folder / f"{task.key:016x}.npz"
    if path.exists():
        return None
    batch: Batch = task.perform(_landscape(recipe))
    if not folder.is_dir():
        return batch
    save_batch(path, batch)
    return None


@lru_cache(maxsize=2)
def _landscape(recipe: Recipe) -> Landscape:
    return recipe.landscape()


def threads_each(n_workers: int, threads: int) -> int:
    """Return how many of this machine's `threads` each of its workers may use, at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(threads, cores // max(n_workers, 1)))
