"""Many processes for one study: `Workers` hands tasks to a Dask cluster and gives back results in the order of tasks.

Delivery is made idempotent, since an engine delivers at least once: a task's key is the hash of its content; the
worker leaves its result as a synced file of that name in an inbox; the coordinator, the only writer of the store,
takes files in the order of the tasks, so that ids do not depend on who was quicker, and deletes them once they are
committed. What lies in the inbox at the next start counts as done.
"""

import json
import re
import tempfile
import warnings
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import torch

from elsuite.core.identity import Identity
from elsuite.core.machine import available_cores
from elsuite.exploration.attempts import reason_of, stops_all
from elsuite.exploration.checking import compared
from elsuite.exploration.computing import computed_with
from elsuite.exploration.new_rows import NewRows, load_rows, save_rows
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.recipes import Recipe

DEATHS = 4
"""A task that has killed so many workers is given up."""


class WorkersError(RuntimeError):
    """The workers can do no task at all."""


class Task(Protocol):
    """A piece of work that any process can do, given the landscape."""

    @property
    def key(self) -> int:
        """The hash of what the result depends on."""

    @property
    def identity(self) -> str:
        """Which landscape it is for: `Identity.as_json` as canonical JSON text; ``null`` where nobody says."""

    def loaded(self) -> "Task":
        """Return the task with all that it needs, as it is sent to a worker: waiting ones hold ids only."""

    def perform(self, landscape: Landscape) -> NewRows:
        """Return the rows that the work adds to the database."""

    def failed(self, reason: str) -> NewRows:
        """Return the rows that say that the work cannot be done."""


@dataclass(frozen=True)
class FactoryRecipe:
    """How a worker makes the landscape, by ``factory(*arguments)``, and how many threads torch has there.

    By default as many as in the process that asks for the work: sums depend on it.

    Examples
    --------
    >>> from elsuite.landscapes import LennardJones
    >>> FactoryRecipe(LennardJones, (13,)).landscape().n_parameters
    39
    """

    factory: Callable[..., Landscape]
    arguments: tuple[Any, ...] = ()
    threads: int | None = None

    def landscape(self) -> Landscape:
        """Return the landscape."""
        return self.factory(*self.arguments)


def gpu_of_worker(name: object, n_gpus: int) -> int:
    """Return which GPU is that of a worker: the number that its name ends with, modulo the number of GPUs.

    Examples
    --------
    >>> [gpu_of_worker(name, 2) for name in (0, 1, 2, "node-3", "tcp://other:8786/main")]
    [0, 1, 0, 1, 0]
    """
    number = re.search(r"(\d+)$", str(name))
    return int(number[1]) % n_gpus if number else 0


def performed(task: Task, landscape: Landscape) -> NewRows:
    """Return the rows of a task; of one that raises an exception, rows that say so."""
    try:
        return task.perform(landscape)
    except Exception as error:  # any error of one task is data; the others go on
        if stops_all(error):
            raise
        return task.failed(reason_of(error))


class Workers:
    """A Dask cluster that works for one study or one landscape; a context manager.

    Parameters
    ----------
    recipe : FactoryRecipe or Recipe
        How each worker makes the landscape. On a machine with GPUs worker k takes number k, counted around, unless the
        recipe names another.
    inbox : Path, optional
        Folder of results that wait to be committed, for a later call to find; by default a temporary one.
    n_workers : int, optional
        Processes on this machine; by default as many as the cores that it may use have room for.
    scheduler : str, optional
        Address of a running cluster instead, such as ``"tcp://node1:8786"``.

    Examples
    --------
    >>> with Workers(FactoryRecipe(LennardJones, (13,)), n_workers=2) as workers:  # doctest: +SKIP
    ...     connect_minima(database, LennardJones(13), finder, pairs, workers=workers)
    """

    def __init__(
        self,
        recipe: FactoryRecipe | Recipe,
        inbox: Path | None = None,
        *,
        n_workers: int | None = None,
        scheduler: str | None = None,
    ) -> None:
        import dask
        import distributed.protocol.pickle

        engine: Any = distributed  # has no types
        self._temporary = tempfile.TemporaryDirectory() if inbox is None else None
        self._inbox = Path(self._temporary.name) if self._temporary else Path(str(inbox))
        self._inbox.mkdir(parents=True, exist_ok=True)
        for leftover in [*self._inbox.glob(".*.tmp"), *self._inbox.glob(".*.partial")]:
            leftover.unlink()
        self._dumps: Callable[[object], bytes] = engine.protocol.pickle.dumps
        if isinstance(recipe, Recipe):
            recipe = FactoryRecipe(Recipe.landscape, (recipe,))
        threads = recipe.threads or torch.get_num_threads()
        self._recipe = self._dumps(replace(recipe, threads=threads))
        cores = available_cores()
        if scheduler is None and n_workers is None:
            n_workers = max(1, cores // threads)
        if threads > 1 and scheduler is None and n_workers is not None and n_workers * threads > cores:
            warnings.warn(
                f"{n_workers} workers of {threads} threads each on {cores} cores wait for each other: torch with one "
                "thread is quicker",
                stacklevel=2,
            )
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
        if self._temporary is not None:
            self._temporary.cleanup()

    def results(self, tasks: Sequence[Task]) -> Generator[NewRows]:
        """Yield the result of each task, in the order given; what lies in the inbox is not done again.

        A task is loaded when it is sent to a worker and its result when it is yielded, so that memory holds no more
        than the tasks that run.

        Raises
        ------
        WorkersError
            When a worker cannot make the landscape or makes another one, or a result has gone from the inbox.
        """
        there = {path.name for path in self._inbox.glob("*.npz")}
        queue = deque(task for task in tasks if self._file(task).name not in there)
        running: dict[Any, Task] = {}
        try:
            for task in tasks:
                while not self._file(task).exists():
                    if not queue and not running:
                        raise WorkersError(f"the result of a task has gone from {self._inbox}")
                    self._fill(queue, running)
                    self._collect(running)
                self._fill(queue, running)
                yield load_rows(self._file(task))
        finally:
            for future in running:  # an interrupted caller wants no more of them
                future.release()

    def _fill(self, queue: deque[Task], running: dict[Any, Task]) -> None:
        """Start tasks, no more than there are threads: one that waits at a dying worker would share the blame."""
        inbox = str(self._inbox.absolute())
        while queue and len(running) < max(1, sum(self._client.nthreads().values())):
            task = queue.popleft()
            loaded = task.loaded()
            try:
                sent = self._dumps(loaded)
            except Exception as error:  # anything can go wrong in pickling what is a user's own
                save_rows(self._file(task), task.failed(f"cannot be sent to a worker: {reason_of(error)}"))
                continue
            key = f"elsuite-{task.key:016x}"
            running[self._client.submit(_perform, self._recipe, sent, inbox, key=key, pure=False)] = task

    def _collect(self, running: dict[Any, Task]) -> None:
        """Wait until one of the running tasks is done, and see that its result lies in the inbox."""
        import distributed
        from distributed.scheduler import KilledWorker

        if not running:
            return  # all that was started could not be sent, or nothing is left
        engine: Any = distributed
        for future in engine.wait(list(running), return_when="FIRST_COMPLETED").done:
            task = running.pop(future)
            try:
                returned = future.result()
            except WorkersError:
                raise
            except KilledWorker:
                returned = task.failed(f"it killed its worker {DEATHS} times")
            except Exception as error:
                if future.status != "error" or stops_all(error):  # the cluster is lost, not the task
                    raise
                returned = task.failed(reason_of(error))
            if returned is not None:  # a worker that does not share our folders sends its result
                save_rows(self._file(task), returned)
            future.release()

    def forget(self, tasks: Sequence[Task]) -> None:
        """Delete the results of tasks whose rows are committed and synced."""
        for task in tasks:
            self._file(task).unlink(missing_ok=True)

    def _file(self, task: Task) -> Path:
        return self._inbox / f"{task.key:016x}.npz"


def _perform(recipe: bytes, sent: bytes, inbox: str) -> NewRows | None:
    """Do a task in a worker; return None if its result lies in the inbox, else the result."""
    if torch.cuda.is_available():  # of each call: which GPU is current belongs to a thread
        torch.cuda.set_device(gpu_of_worker(_name_of_worker(), torch.cuda.device_count()))
    threads, landscape = _landscape(recipe)
    torch.set_num_threads(threads)
    task: Task = _unpickled(sent)
    if words := _differences(recipe, task.identity):
        raise WorkersError(f"a worker's landscape is another one than that of the database: {words}")
    folder = Path(inbox)
    path = folder / f"{task.key:016x}.npz"
    if path.exists():
        return None
    rows = replace(performed(task, landscape), computed=(computed_with(),))
    if not folder.is_dir():
        return rows
    save_rows(path, rows)
    return None


def _name_of_worker() -> object:
    import distributed

    engine: Any = distributed
    return engine.get_worker().name


@lru_cache(maxsize=2)
def _landscape(recipe: bytes) -> tuple[int, Landscape]:
    """Return threads and landscape of a pickled recipe: bytes can be looked up, whatever the recipe holds."""
    try:
        made: FactoryRecipe = _unpickled(recipe)
        return made.threads or 1, made.landscape()
    except Exception as error:
        raise WorkersError(f"a worker cannot make the landscape: {reason_of(error)}") from error


@lru_cache(maxsize=2)
def _differences(recipe: bytes, identity: str) -> str:
    stored = json.loads(identity)
    return "" if stored is None else "; ".join(compared(Identity.from_json(stored), _landscape(recipe)[1]))


def _unpickled(content: bytes) -> Any:
    import distributed.protocol.pickle

    engine: Any = distributed
    return engine.protocol.pickle.loads(content)
