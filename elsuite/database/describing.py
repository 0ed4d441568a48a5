"""The summary of a database: `describe`."""

from collections import Counter
from typing import Any

import numpy as np

from elsuite.core.outcomes import Outcome
from elsuite.core.typing import Array
from elsuite.database.landscape_database import LandscapeDatabase
from elsuite.database.query import failures, usable_minima


def describe(database: LandscapeDatabase, *, tolerance: float = 1e-3) -> dict[str, Any]:
    """Return what a database holds, as plain JSON values.

    Parameters
    ----------
    tolerance : float
        A minimum counts as stationary when the norm of its gradient is at most this.

    Returns
    -------
    dict
        `format_version`, `n_parameters`, `n_runs`, `n_minima`, `n_paths`, `surfaces`; `sets`: number of solutions by
        "minimizer/stopping"; `unusable`: sentences on what led to none; `outcomes`: for `runs`, `minima` and `paths`,
        number of rows by outcome; `failed`: for `runs` and `paths`, number of failed rows by message; `finders`: number
        of paths by finder; `n_stationary`: `count` (None: no norm is known), `tolerance`, and `unknown`, the number of
        minima whose gradient norm is not known; `created`; `versions` of the packages.

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
    count = None if 0 < unknown == len(gradients) else int(np.sum(gradients <= tolerance))
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
            name: _numbers(tables[name]["message"].values[tables[name]["outcome"].values == Outcome.FAILED])
            for name in ("runs", "paths")
        },
        "n_stationary": {"count": count, "tolerance": tolerance, "unknown": unknown},
        "created": attributes.get("created", ""),
        "versions": attributes.get("versions", {}),
    }


def _numbers(labels: Array) -> dict[str, int]:
    """Return how often each label occurs, in the order of the labels."""
    return dict(sorted(Counter(labels.tolist()).items()))
