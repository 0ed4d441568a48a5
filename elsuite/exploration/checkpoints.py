"""Checkpoints into a database: each file's state dict is a solution, with its energies (`import_checkpoints`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elsuite.core.typing import Array, Progress
from elsuite.database import LandscapeDatabase
from elsuite.exploration.attempts import reason_of
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.metrics import metrics_of_points
from elsuite.exploration.solutions import SOLUTIONS_AT_ONCE, check_set_name, evaluate, solution_key, store_solutions
from elsuite.landscapes.base import Landscape, points_at_once
from elsuite.landscapes.networks.checkpoints import TakesStateDicts, expected_shapes, read_checkpoint, takes_state_dicts


@dataclass(frozen=True)
class CheckpointReport:
    """What came of some files."""

    ids: tuple[int, ...]
    """Of the solutions stored now."""
    n_known: int
    """Files whose solution the set held already, or another of the files."""
    failed: tuple[tuple[str, str], ...]
    """Files that gave no solution, each with the reason in one line."""


@dataclass(frozen=True)
class _Solution:
    origin: str
    point: Array
    key: int


def import_checkpoints(
    database: LandscapeDatabase,
    landscape: Landscape,
    files: Iterable[str | Path],
    *,
    set_name: str = "checkpoints",
    entry: str | None = None,
    progress: Progress | None = None,
) -> CheckpointReport:
    """Store the state dicts in files as solutions, with their energies, gradient norms and, as `origin`, their paths.

    Files are read one by one as `elsuite.landscapes.networks.checkpoints.read_checkpoint` says, without running code
    that they hold. One that gives no solution is said in the report, and the others go on. Each block of solutions is
    committed at once, and what the set holds already is not stored again: an interrupted call, made again, goes on.

    Parameters
    ----------
    files : iterable of path
        Of ``torch.save``, or .safetensors files.
    set_name : str
        ``NAME``, or ``NAME/SURFACE``.
    entry : str, optional
        Where in each file the state dict lies, for files that hold several, such as ``"ema"``.

    Raises
    ------
    ValueError
        For a landscape whose points are no state dicts, one that is not the database's, or a set name that is none.

    Examples
    --------
    >>> import tempfile, torch
    >>> from elsuite.landscapes import NeuralLandscape
    >>> net = torch.nn.Linear(2, 2)
    >>> inputs, targets = torch.rand(20, 2), torch.arange(20) % 2
    >>> landscape = NeuralLandscape(net, torch.nn.CrossEntropyLoss(), inputs, targets)
    >>> database = LandscapeDatabase.create(None, landscape)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"model": net.state_dict(), "epoch": 9}, f"{folder}/best.pt")
    ...     report = import_checkpoints(database, landscape, [f"{folder}/best.pt", f"{folder}/worst.pt"])
    >>> report.ids, [reason.partition(": ")[2] for _, reason in report.failed]
    ((0,), ['cannot be read (No such file or directory)'])
    """
    check_set_name(set_name, landscape.surfaces)
    taking = takes_state_dicts(landscape)
    check_landscape(database, landscape)
    expected = expected_shapes(landscape)
    known = set(database.minima["key"].values.tolist())
    paths = [str(path) for path in files]
    # A solution is in memory as it was read, in its block, and as what is committed.
    at_once = min(SOLUTIONS_AT_ONCE, points_at_once(landscape, vectors=3))
    waiting: list[_Solution] = []
    ids: list[int] = []
    failed: list[tuple[str, str]] = []
    n_known = 0
    for done, path in enumerate(paths, start=1):
        try:
            solution = _read(taking, path, expected, entry=entry, set_name=set_name)
        except ValueError as error:
            failed.append((path, str(error)))
        else:
            n_known += solution.key in known
            waiting += [] if solution.key in known else [solution]
            known.add(solution.key)
        if waiting and (len(waiting) == at_once or done == len(paths)):
            ids += _stored(database, landscape, waiting, set_name, failed)
            waiting = []
        if progress is not None:
            progress(f"checkpoints into {set_name}", done, len(paths))
    return CheckpointReport(tuple(ids), n_known, tuple(failed))


def _read(
    landscape: TakesStateDicts, path: str, expected: dict[str, tuple[int, ...]], *, entry: str | None, set_name: str
) -> _Solution:
    """Return the solution in a file; raises ValueError that says in one line, the path first, why there is none."""
    state = read_checkpoint(path, expected, entry=entry)
    try:
        point = landscape.point(state).detach().cpu().numpy()
    except MemoryError:
        raise
    except Exception as error:  # of a landscape of the user's own, anything
        reason = " ".join(str(error).split()) if isinstance(error, ValueError) else reason_of(error)
        raise ValueError(f"{path}: {reason}") from None
    return _Solution(path, point, solution_key(point, set_name))


def _stored(
    database: LandscapeDatabase,
    landscape: Landscape,
    solutions: list[_Solution],
    set_name: str,
    failed: list[tuple[str, str]],
) -> list[int]:
    """Store the solutions whose energies are finite and return their ids; the others are added to those that failed."""
    points = np.array([solution.point for solution in solutions])
    energies, norms = evaluate(landscape, points)
    good = np.isfinite(energies).all(axis=1)
    for k in np.flatnonzero(~good).tolist():
        name = landscape.surfaces[int(np.flatnonzero(~np.isfinite(energies[k]))[0])]
        path = solutions[k].origin
        failed.append((path, f"{path}: the energy on {name!r} is not a finite number"))
    rows = np.flatnonzero(good).tolist()
    if not rows:
        return []
    points = points if good.all() else points[rows]
    added = store_solutions(
        database,
        points,
        energies[rows],
        norms[rows],
        set_name=set_name,
        origins=[solutions[k].origin for k in rows],
        metrics=metrics_of_points(landscape, points),
    )
    return [int(i) for i in added]
