"""Questions to a database: what it holds, which minima are solutions, meet a condition, are the lowest, the nearest.

A condition in words, as in `select_minima(database, "energy.train < 0.01 and set == 'sgd/test'")`, is parsed into a
tree and interpreted; nothing of it is ever run as code.
"""

import ast
import operator
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from elsuite.core.identity import superseded
from elsuite.core.machine import computed_by
from elsuite.core.outcomes import UNFINISHED, UNUSABLE, Outcome
from elsuite.core.typing import Array, Floats, Ids, Mask
from elsuite.database.computed import computed_values
from elsuite.database.declared import typical_slope
from elsuite.database.landscape_database import LandscapeDatabase
from elsuite.schema import LARGEST_ENERGY, METRIC, NotFoundError

_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_WORDS: Final = {
    Outcome.DIVERGED: "diverged",
    Outcome.NOT_A_NUMBER: "ended in what is not a number",
    Outcome.FAILED: "failed",
}
_LONGEST = 2_000
_DEEPEST = 50
_BLOCK = 512


class QueryError(ValueError):
    """A condition that cannot be read; the message says what was given and what is allowed."""


def select(condition: str, columns: Mapping[str, Array]) -> Mask:
    """Return for each row whether it meets a condition on named columns, all of the same length.

    Allowed are comparisons (``<  <=  >  >=  ==  !=``, also in chains), ``in`` with a list, ``and``, ``or``, ``not``,
    parentheses, numbers, texts in quotes, and the names of columns.

    Raises
    ------
    QueryError
        For anything else; names the columns there are.

    Examples
    --------
    >>> columns = {"energy.train": np.array([0.1, 0.3]), "set": np.array(["a", "b"])}
    >>> select("energy.train < 0.2 or set in ['b']", columns).tolist()
    [True, True]
    """
    if len(condition) > _LONGEST:
        raise QueryError(f"the condition has {len(condition)} characters, allowed are {_LONGEST}")
    try:
        tree = ast.parse(condition.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        such = "energy.train < 0.01 and set == 'sgd/test'"
        raise QueryError(f"not a condition: {condition!r}; such as: {such}") from None
    found = _truth(tree, columns, condition, 0)
    length = len(next(iter(columns.values()), ()))
    return np.broadcast_to(np.asarray(found, dtype=bool), (length,)).copy()


def select_minima(database: LandscapeDatabase, condition: str) -> Ids:
    """Return the ids of the minima that meet a condition, ascending.

    Columns are ``id``, ``energy.SURFACE``, ``METRIC.SURFACE``, ``set``, ``stopping``, ``outcome``, ``run``, ``epoch``,
    ``seed``, ``gradient_norm``, and whatever else the store holds with one value a minimum.

    Raises
    ------
    QueryError
        As `select`.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["train"])
    >>> _ = database.add(minima={"energy": [[0.1], [0.3], [0.2]], "set": ["sgd", "sgd", "lbfgs"]})
    >>> select_minima(database, "energy.train > 0.15 and set == 'sgd'").tolist()
    [1]
    """
    return np.flatnonzero(select(condition, minima_columns(database)))


def minima_columns(database: LandscapeDatabase) -> dict[str, Array]:
    """Return the columns of the minima that have one value each, energies by surface, and the seeds of their runs."""
    table = database.minima
    columns: dict[str, Array] = {"id": np.arange(database.n_minima)}
    energy = table["energy"].values
    columns |= {f"energy.{name}": energy[:, k] for k, name in enumerate(database.surfaces)}
    columns |= {
        f"{metric}.{name}": values[:, k]
        for metric, values in minima_metrics(database).items()
        for k, name in enumerate(database.surfaces)
    }
    columns |= {str(n): v.values for n, v in table.data_vars.items() if v.dims == ("minimum",) and n != "key"}
    seeds, runs = database.runs["seed"].values, columns["run"]
    columns["seed"] = np.where(runs >= 0, seeds[runs] if len(seeds) else -1, -1)
    return columns


def minima_metrics(database: LandscapeDatabase) -> dict[str, Floats]:
    """Return the metrics of the minima by their names, (n_minima, n_surfaces); NaN where none was computed.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["train", "test"])
    >>> _ = database.add(minima={"energy": [[0.1, 0.2]], "metric_accuracy": [[1.0, 0.9]]})
    >>> minima_metrics(database)
    {'accuracy': array([[1. , 0.9]])}
    """
    found = {str(name): values for name, values in database.minima.data_vars.items()}
    return {
        name.removeprefix(METRIC): values.values
        for name, values in found.items()
        if name.startswith(METRIC) and values.dims == ("minimum", "surface")
    }


def choose_surface(database: LandscapeDatabase, surface: str | None) -> str:
    """Return `surface`, or the first one for None; raises NotFoundError for one that is not there."""
    if surface is None:
        return database.surfaces[0]
    if surface not in database.surfaces:
        raise NotFoundError(f"no surface {surface!r}; there are: {', '.join(database.surfaces)}")
    return surface


def usable_minima(database: LandscapeDatabase, surface: str | None = None) -> Mask:
    """Return which minima (n_minima,) are solutions: not those that runs which diverged or failed left behind.

    Such rows (their outcome is one of `elsuite.core.outcomes.UNUSABLE`) hold a random start, or what a descent had
    before it broke off. They keep their ids, and are left out of networks, trees, sets, pictures and the page.

    Parameters
    ----------
    surface : str, optional
        Only those whose energy on it is finite: the minima of its network, tree, pictures and exported files. One
        so large that differences could overflow, as runaways of earlier versions left behind, is none.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["train"])
    >>> _ = database.add(minima={"energy": [[0.1], [2.3], [None]], "outcome": ["converged", "diverged", "converged"]})
    >>> usable_minima(database).tolist(), usable_minima(database, "train").tolist()
    ([True, False, True], [True, False, False])
    """
    outcomes = database.minima["outcome"].values.tolist()
    usable = np.fromiter((outcome not in UNUSABLE for outcome in outcomes), dtype=bool, count=len(outcomes))
    if surface is None:
        return usable
    column = database.surfaces.index(choose_surface(database, surface))
    energies: Floats = database.minima["energy"].values[:, column]
    return usable & (np.abs(energies) < LARGEST_ENERGY)


def n_left_out(database: LandscapeDatabase, surface: str) -> tuple[int, int]:
    """Return how many minima are no solutions, and how many solutions have no finite energy on a surface.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["train"])
    >>> _ = database.add(minima={"energy": [[0.1], [2.3], [None]], "outcome": ["converged", "diverged", "converged"]})
    >>> n_left_out(database, "train")
    (1, 1)
    """
    n_solutions = int(usable_minima(database).sum())
    return database.n_minima - n_solutions, n_solutions - int(usable_minima(database, surface).sum())


def left_out_in_words(n_unusable: int, n_without_energy: int, surface: str) -> list[str]:
    """Return what `n_left_out` counted, in words, a line each.

    Examples
    --------
    >>> left_out_in_words(2, 1, "train")
    ['2 minima of runs that diverged or failed', "1 minimum without a finite energy on the surface 'train'"]
    """
    counts = [
        (n_unusable, "of runs that diverged or failed"),
        (n_without_energy, f"without a finite energy on the surface {surface!r}"),
    ]
    return [f"{n} {'minimum' if n == 1 else 'minima'} {why}" for n, why in counts if n]


def unusable_by_set(database: LandscapeDatabase) -> dict[str, dict[str, int]]:
    """Return for each set that has minima which are no solutions how many there are by outcome.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> sets, outcomes = ["sgd/train"] * 2, ["converged", "diverged"]
    >>> _ = database.add(minima={"energy": [[0.5], [0.7]], "set": sets, "outcome": outcomes})
    >>> unusable_by_set(database), usable_minima(database).tolist()
    ({'sgd/train': {'diverged': 1}}, [True, False])
    """
    found: dict[str, dict[str, int]] = {}
    table = database.minima
    for name, outcome in zip(table["set"].values.tolist(), table["outcome"].values.tolist(), strict=True):
        if outcome in UNUSABLE:
            counts = found.setdefault(str(name), {})
            counts[str(outcome)] = counts.get(str(outcome), 0) + 1
    return found


def _is_last(table: xr.Dataset) -> Array:
    """Return which rows of runs or paths are last attempts: of work that was tried again, these count."""
    keys = table["key"].values
    unfinished = np.isin(table["outcome"].values.astype(str), [str(outcome) for outcome in UNFINISHED])
    earlier = superseded(keys[unfinished].tolist(), set(keys.tolist()))
    return ~np.isin(keys, np.array(list(earlier), dtype=np.uint64))


def failures(database: LandscapeDatabase) -> list[str]:
    """Return in words what led to nothing: runs by minimizer, minima of no run by set, paths by finder.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(runs={"minimizer": ["sgd"] * 3, "outcome": ["converged", "diverged", "diverged"]})
    >>> failures(database)
    ['2 of 3 runs of sgd diverged']
    """
    runs, minima, paths = database.runs, database.minima, database.paths
    alone = minima["run"].values < 0
    tables = [
        ("runs", runs["minimizer"].values, runs["outcome"].values),
        ("minima", minima["set"].values[alone], minima["outcome"].values[alone]),
        ("paths", paths["finder"].values, paths["outcome"].values),
    ]
    lines = []
    for what, names, outcomes in tables:
        if what != "minima":
            last = _is_last(getattr(database, what))
            names, outcomes = names[last], outcomes[last]
        pairs = Counter(zip(map(str, names.tolist()), map(str, outcomes.tolist()), strict=True))
        totals = Counter(map(str, names.tolist()))
        lines += [
            f"{count} of {totals[name]} {what}{f' of {name}' if name else ''} {_WORDS[Outcome(outcome)]}"
            for (name, outcome), count in sorted(pairs.items())
            if outcome in UNUSABLE
        ]
    return lines


def lowest(database: LandscapeDatabase, k: int, *, surface: str | None = None) -> Ids:
    """Return the ids of the `k` usable minima of lowest energy on a surface (default: the first), lowest first.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["train"])
    >>> _ = database.add(minima={"energy": [[0.1], [0.3], [0.2]]})
    >>> lowest(database, 2).tolist()
    [0, 2]
    """
    column = database.surfaces.index(choose_surface(database, surface))
    energy = database.minima["energy"].values[:, column]
    order = np.argsort(energy, kind="stable")
    found: Ids = order[usable_minima(database, surface or database.surfaces[0])[order]][:k]
    return found


def nearest(database: LandscapeDatabase, minimum: int, k: int) -> list[tuple[int, float]]:
    """Return the `k` usable minima nearest in Euclidean distance to one minimum, with their distances, nearest first.

    Raises
    ------
    QueryError
        If the minima have no coordinates.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=2, surfaces=["energy"])
    >>> _ = database.add(minima={"coordinates": [[0, 0], [3, 4], [1, 0]], "energy": [[0.0]] * 3})
    >>> nearest(database, 0, 2)
    [(2, 1.0), (1, 5.0)]
    """
    if not database.n_parameters:
        raise QueryError("distances need coordinates, and the minima of this database have none")
    center = database.coordinates([minimum])[0].astype(np.float64)
    distances = np.empty(database.n_minima)
    for begin in range(0, database.n_minima, _BLOCK):
        ids = np.arange(begin, min(begin + _BLOCK, database.n_minima))
        distances[ids] = np.linalg.norm(database.coordinates(ids.tolist()) - center, axis=1)
    others = usable_minima(database)
    others[minimum] = False
    order = np.argsort(np.where(others, distances, np.inf), kind="stable")[: min(k, int(others.sum()))]
    return [(int(i), float(distances[i])) for i in order]


def to_dataframe(database: LandscapeDatabase, table: str = "minima") -> pd.DataFrame:
    """Return one table as a pandas DataFrame, its columns of one value a row only.

    Raises
    ------
    QueryError
        For another name than minima, paths or runs.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["train"])
    >>> _ = database.add(minima={"energy": [[0.1], [0.3], [0.2]], "set": ["sgd", "sgd", "lbfgs"]})
    >>> to_dataframe(database).groupby("set")["energy.train"].min().to_dict()
    {'lbfgs': 0.2, 'sgd': 0.1}
    """
    if table == "minima":
        return pd.DataFrame(minima_columns(database)).set_index("id")
    if table not in {"paths", "runs"}:
        raise QueryError(f"table {table!r} given, allowed: minima, paths, runs")
    dataset = database.paths if table == "paths" else database.runs
    columns = {str(n): v.values for n, v in dataset.data_vars.items() if v.dims == (table[:-1],)}
    return pd.DataFrame(columns).rename_axis("id")


def describe(database: LandscapeDatabase, *, tolerance: float = 1e-3) -> dict[str, Any]:
    """Return what a database holds, as plain JSON values.

    Parameters
    ----------
    tolerance : float
        A minimum counts as stationary when the norm of its gradient is at most so much of the landscape's own, the
        median at its fixed points; of a database that does not say that, at most this.

    Returns
    -------
    dict
        `format_version`, `n_parameters`, `n_runs`, `n_minima`, `n_paths`, `surfaces`; `sets`: number of solutions by
        "minimizer/stopping"; `unusable`: sentences on what led to none; `outcomes`: for `runs`, `minima` and `paths`,
        number of rows by outcome; `failed`: for `runs` and `paths`, number of failed last attempts by message;
        `finders`: number of paths by finder; `n_stationary`: `count` (None: no norm is known), `tolerance`, and
        `unknown`, the number of minima whose gradient norm is not known; `created`; `versions` of the packages;
        `computed`: processor, instructions, threads and packages of each kind of machine that computed numbers;
        `computed_values`: number of stored values for pictures by kind.

    Examples
    --------
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(minima={"energy": [[0.5], [0.7]], "set": "sgd/train"})
    >>> describe(database)["sets"]
    {'sgd/train': 2}
    """
    tables = {"runs": database.runs, "minima": database.minima, "paths": database.paths}
    sets, gradients = tables["minima"]["set"].values, tables["minima"]["gradient_norm"].values
    unknown = int(np.isnan(gradients).sum())
    slope = typical_slope(database)
    limit = tolerance * (slope or 1.0)
    count = None if 0 < unknown == len(gradients) else int(np.sum(gradients <= limit))
    attributes = database.attributes
    return {
        "format_version": attributes["format_version"],
        "n_parameters": database.n_parameters,
        "n_runs": database.n_runs,
        "n_minima": database.n_minima,
        "n_paths": database.n_paths,
        "surfaces": list(database.surfaces),
        "sets": dict.fromkeys(_numbers(sets), 0) | _numbers(sets[usable_minima(database)]),
        "unusable": failures(database),
        "outcomes": {name: _numbers(table["outcome"].values) for name, table in tables.items()},
        "finders": _numbers(tables["paths"]["finder"].values),
        "failed": {
            name: _numbers(table["message"].values[(table["outcome"].values == Outcome.FAILED) & _is_last(table)])
            for name, table in tables.items()
            if name != "minima"
        },
        "n_stationary": {"count": count, "tolerance": limit, "unknown": unknown},
        "created": attributes.get("created", ""),
        "versions": attributes.get("versions", {}),
        "computed": computed_by(attributes),
        "computed_values": dict(Counter(entry["kind"] for entry in computed_values(database).values())),
    }


def _truth(node: ast.AST, columns: Mapping[str, Array], text: str, depth: int) -> Any:
    """Return the truth values of a part of the condition, one a row or one for all."""
    if depth > _DEEPEST:
        raise QueryError(f"the condition is nested deeper than {_DEEPEST}")
    if isinstance(node, ast.BoolOp):
        parts = [_truth(part, columns, text, depth + 1) for part in node.values]
        combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return combine.reduce(np.broadcast_arrays(*parts))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return np.logical_not(_truth(node.operand, columns, text, depth + 1))
    if isinstance(node, ast.Compare):
        sides = [_value(side, columns, text) for side in (node.left, *node.comparators)]
        parts = [_compared(op, a, b, text) for op, a, b in zip(node.ops, sides, sides[1:], strict=False)]
        return np.logical_and.reduce(np.broadcast_arrays(*parts))
    raise QueryError(f"{_source(node, text)!r} is not a comparison; such as: energy.train < 0.01")


def _compared(op: ast.cmpop, a: Any, b: Any, text: str) -> Any:
    if isinstance(op, (ast.In, ast.NotIn)):
        if not isinstance(b, list):
            raise QueryError(f"`in` needs a list, such as ['a', 'b'], in: {text!r}")
        equal = [_compared(ast.Eq(), a, item, text) for item in b] or [False]
        inside = np.logical_or.reduce(np.broadcast_arrays(*equal))
        return ~inside if isinstance(op, ast.NotIn) else inside
    if type(op) not in _COMPARISONS:
        raise QueryError(f"allowed are < <= > >= == != in, not what is in: {text!r}")
    if isinstance(a, list) or isinstance(b, list):
        raise QueryError(f"a list can only follow `in`, in: {text!r}")
    if _is_text(a) != _is_text(b):
        raise QueryError(f"a text is compared with a number in: {text!r}")
    return _COMPARISONS[type(op)](a, b)


def _value(node: ast.AST, columns: Mapping[str, Array], text: str) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str)):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        number = node.operand.value
        if isinstance(number, (int, float)):
            return -number
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(item, columns, text) for item in node.elts]
    name = _source(node, text) if isinstance(node, (ast.Name, ast.Attribute)) else None
    if name is not None and name in columns:
        return columns[name]
    if name is None:
        raise QueryError(f"{_source(node, text)!r} is not allowed; numbers, texts in quotes and names of columns are")
    raise QueryError(f"no column {name!r}; there are: {', '.join(sorted(columns))}")


def _source(node: ast.AST, text: str) -> str:
    return (ast.get_source_segment(text.strip(), node) or text)[:80]


def _is_text(value: Any) -> bool:
    # Texts are stored as numpy's variable-length strings (T), or come as fixed ones (U) or objects (O).
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype.kind in "TUO")


def _numbers(labels: Array) -> dict[str, int]:
    """Return how often each label occurs, in the order of the labels."""
    return dict(sorted(Counter(labels.tolist()).items()))
