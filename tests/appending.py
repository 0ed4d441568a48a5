"""A process that appends to a store until it is killed, and the check of what it leaves.

Commit number k is a function of k and of the session that made it, so the store after any number of commits is
known. Which rows have a value in the optional columns differs between sessions: a value that a killed session left
past the pointer would show.
"""

import multiprocessing
import time
from dataclasses import dataclass

import numpy as np

from elsuite.database import LandscapeDatabase, open_database, verify_store

__all__ = ["Rounds", "commit", "kill_rounds", "problem_of"]

N_PARAMETERS = 3000
SURFACES = ("train", "test")
# Starts a child by a fork of a process that has everything imported: many kills in a few seconds.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["elsuite.database"])


@dataclass(frozen=True)
class Rounds:
    """What came of killing the writer again and again.

    `lost`: commits that were acknowledged and are not there. `torn`: rounds after which a reader saw
    anything but whole commits. `commits`: how many there are at the end. `problem`: the first one.
    """

    rounds: int
    lost: int
    torn: int
    commits: int
    problem: str


def sizes(k):
    """Return how many runs, minima and paths commit k adds."""
    return {"runs": k % 2, "minima": 1 + k % 3, "paths": 2 if k % 4 else 0}


def commit(k, first, session=0):
    """Return the rows of commit k, when `first` are the ids of the next run, minimum and path."""
    n = sizes(k)
    ids = np.arange(first["minima"], first["minima"] + n["minima"])
    batch = {
        "runs": [{"seed": k, "curves": np.full((2, 1 + k % 7), k), "key": k + 1}] * n["runs"],
        "minima": {
            "coordinates": np.repeat(ids[:, None], N_PARAMETERS, axis=1),
            "energy": np.column_stack([ids, -ids]),
            "set": [f"s/{i}" for i in ids],
            "epoch": ids,
        },
        "attributes": {"commits": k + 1},
    }
    if n["paths"]:
        batch["paths"] = [
            {
                "source": int(ids[-1]),
                "target": 0,
                "surface": SURFACES[0],
                "height": 1e6 + path,
                "seed": session,
                "profile": np.full(3 + k % 5, path),
                "coefficients": np.full((2, N_PARAMETERS), path) if (path + session) % 3 == 0 else None,
                **({"order": path} if (path + session) % 2 else {}),
            }
            for path in range(first["paths"], first["paths"] + n["paths"])
        ]
    return batch


def next_ids(database):
    """Return the ids of the next run, minimum and path."""
    return {"runs": database.n_runs, "minima": database.n_minima, "paths": database.n_paths}


def append_forever(path, session, connection):
    """Open the store, and commit and acknowledge until killed."""
    with open_database(path, "a", timeout=10) as database:
        k = database.attributes["commits"]
        while True:
            database.add(**commit(k, next_ids(database), session))
            k += 1
            connection.send(k)


def problem_of(database):
    """Return what is wrong with the rows of a store, "" if they are those of its number of commits."""
    commits = database.attributes["commits"]
    totals = {name: sum(sizes(k)[name] for k in range(commits)) for name in ("runs", "minima", "paths")}
    if next_ids(database) != totals:
        return f"{next_ids(database)} rows after {commits} commits, expected {totals}"
    minima, paths, runs = database.minima, database.paths, database.runs
    ids, rows = np.arange(totals["minima"]), np.arange(totals["paths"])
    shifted = rows + paths["seed"].values
    has_coefficients = shifted % 3 == 0
    if "coefficients" in paths:
        values = paths["coefficients"].values
        whole = (values[has_coefficients] == rows[has_coefficients, None, None]).all()
        if not whole or np.isfinite(values[~has_coefficients]).any():
            return "coefficients of another row"
    elif has_coefficients.any():
        return "no coefficients"
    order = paths["order"].values if "order" in paths else np.full(len(rows), -1)
    profile = paths["profile"].values
    checks = {
        "energy": (minima["energy"].values == np.column_stack([ids, -ids])).all(),
        "set": minima["set"].values.tolist() == [f"s/{i}" for i in ids],
        "epoch": (minima["epoch"].values == ids).all(),
        "coordinates": (minima["coordinates"].values == ids[:, None]).all(),
        "height": (paths["height"].values == 1e6 + rows).all(),
        "order": (order == np.where(shifted % 2, rows, -1)).all(),
        "profile": all((line[np.isfinite(line)] == row).all() for row, line in zip(rows, profile, strict=True)),
        "seed": (runs["seed"].values == np.arange(totals["runs"]) * 2 + 1).all(),
    }
    return ", ".join(name for name, good in checks.items() if not good)


def kill_rounds(path, n_rounds, seed, *, longest=0.5):
    """Kill a writer `n_rounds` times at random moments, each time looking at what is left, and go on."""
    rng = np.random.default_rng(seed)
    start = {"commits": 0}
    LandscapeDatabase.create(path, n_parameters=N_PARAMETERS, surfaces=SURFACES, attributes=start).close()
    lost = torn = acknowledged = 0
    problem = ""
    for number in range(n_rounds):
        ours, theirs = processes.Pipe(duplex=False)
        child = processes.Process(target=append_forever, args=(path, number, theirs))
        child.start()
        theirs.close()
        if number % 3:  # in the midst of its commits; else at any moment since its start
            ours.poll(60)
        time.sleep(rng.uniform(0.0, longest))
        child.kill()
        child.join()
        acknowledged = max([acknowledged, *received(ours)])
        with open_database(path) as database:
            wrong = problem_of(database)
            lost += max(0, acknowledged - database.attributes["commits"])
        wrong = wrong or ", ".join(f"{item.where}: {item.problem}" for item in verify_store(path))
        torn += bool(wrong)
        problem = problem or (f"round {number}: {wrong}" if wrong else "")
    with open_database(path, "a") as database:
        problem = problem or problem_of(database)
        commits = database.attributes["commits"]
    return Rounds(n_rounds, lost, torn, commits, problem)


def received(connection):
    """Yield what a process sent before it was killed; the last may be cut off."""
    while True:
        try:
            if not connection.poll():
                return
            yield connection.recv()
        except (EOFError, OSError):
            return
