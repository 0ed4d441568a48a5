"""Writes the archived stores of format 1 beside this file. It was run once; the stores are never written again."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from small_database import small_store

from elsuite.database import LandscapeDatabase

HERE = Path(__file__).parent
TABLES = ("runs", "minima", "paths")


def every_column(path):
    """Write a store with every column, optional and further ones too, in two commits."""
    attributes = {"study": "seed = 1", "finders": {"fourier": {"n_terms": 2}}}
    with LandscapeDatabase.create(
        path, n_parameters=3, surfaces=["train", "test"], dtype="float64", attributes=attributes
    ) as database:
        for k in range(2):
            rows = np.arange(2) + 2 * k
            run = {"key": k + 1, "seed": k, "minimizer": "sgd", "outcome": "converged", "message": "größer"}
            run |= {"n_steps": 7, "n_evaluations": 1.5, "seconds": 0.25, "start": k - 1, "end": -1}
            run |= {"curves": {"train": [3.0, 2.0, 1.0][: k + 1], "test": [4.0]}, "temperature": 0.5}
            minima = {
                "coordinates": np.add.outer(rows, [0.1, 0.2, 0.3]),
                "energy": {"train": rows / 8, "test": [1.0, np.nan]},
                "gradient_norm": 10.0**-rows,
                "set": ["sgd/train", "sgd/test"],
                "stopping": ["train", "test"],
                "run": k,
                "epoch": rows,
                "outcome": "converged",
                "key": rows + 1,
                "fvib": [0.5, None],
            }
            path_row = {"source": 2 * k, "target": 1, "finder": "fourier", "setting": "a", "seed": 5, "chord": 1.5}
            path_row |= {"length": 2.0, "outcome": "converged", "message": "", "n_point_gradients": 3.0}
            path_row |= {"n_evaluations": 4.0, "seconds": 0.5}
            paths = [
                path_row
                | {
                    "key": 2 * k + 1,
                    "surface": "train",
                    "height": 5.0,
                    "refined_height": 5.5,
                    "refined_t": 0.375,
                    "profile": [0.0, 5.0, 0.125, 1.0][: 3 + k],
                    "coefficients": np.full((1 + k, 3), k + 0.5),
                    "permutation": [2, -1, 3],
                },
                path_row
                | {
                    "key": 2 * k + 2,
                    "surface": "test",
                    "kind": "transition_state",
                    "height": 6.0,
                    "coordinates": [0.5, 1.5, 2.5],
                    "order": 4,
                },
            ]
            database.add(runs=[run], minima=minima, paths=paths)


def contents(database):
    """Return everything in a database as JSON values; NaN as null."""
    tables = {name: getattr(database, name) for name in TABLES}
    return {
        "attributes": {name: database.attributes[name] for name in ("study", "finders", "format_version")},
        "surfaces": list(database.surfaces),
        **{
            name: {column: plain(values.values) for column, values in sorted(table.data_vars.items())}
            for name, table in tables.items()
        },
    }


def plain(values):
    """Return an array as nested lists, NaN as None."""
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), None, values.astype(object))
    return values.tolist()


if __name__ == "__main__":
    from elsuite.database import open_database

    small_store(HERE / "small.elsuite")
    every_column(HERE / "every_column.elsuite")
    with open_database(HERE / "every_column.elsuite") as stored:
        text = json.dumps(contents(stored), indent=1, ensure_ascii=False)
    (HERE / "every_column.json").write_text(text + "\n", encoding="utf-8")
