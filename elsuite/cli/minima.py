"""The command that lists the minima: minima."""

import math
from typing import Any

import click

from elsuite.cli.common import check_sets, json_option, print_json, print_table, store_argument
from elsuite.database import open_database
from elsuite.database.query import choose_surface, minima_metrics, select_minima


@click.command(epilog="Example: elsuite minima demo/landscape.elsuite --set sgd/train --sort train")
@store_argument
@click.option("--set", "set_", metavar="NAME", help="Only this set, such as sgd/test.")
@click.option("--sort", metavar="SURFACE", help="Lowest energy on this surface first.")
@click.option("--where", metavar="CONDITION", help="Such as: energy.train < 0.01 and set == 'sgd/test'.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N.")
@json_option
def minima(store: str, set_: str | None, sort: str | None, where: str | None, limit: int | None, json_: bool) -> None:
    """List the minima with their energies."""
    with open_database(store) as database:
        table, seeds, surfaces = database.minima, database.runs["seed"].values.tolist(), database.surfaces
        columns = (table[name].values.tolist() for name in ("set", "energy", "run", "outcome"))
        rows: list[dict[str, Any]] = [
            {
                "id": i,
                "set": str(name),
                "energy": dict(zip(surfaces, energies, strict=True)),
                "seed": seeds[run] if run >= 0 else None,
                "outcome": str(outcome),
            }
            for i, (name, energies, run, outcome) in enumerate(zip(*columns, strict=True))
        ]
        metrics = minima_metrics(database)
        for i, row in enumerate(rows if metrics else []):
            row["metrics"] = {
                metric: dict(zip(surfaces, values[i].tolist(), strict=True)) for metric, values in metrics.items()
            }
        if set_ is not None:
            check_sets([row["set"] for row in rows], [set_])
        if where is not None:
            rows = [rows[i] for i in select_minima(database, where).tolist()]
        if sort is not None:
            key = choose_surface(database, sort)
            rows.sort(key=lambda row: (math.isnan(row["energy"][key]), row["energy"][key]))
    rows = [row for row in rows if set_ in {None, row["set"]}][:limit]
    if json_:
        print_json(rows)
        return
    print_table(
        ["id", "set", *surfaces, *(f"{m} {s}" for m in metrics for s in surfaces), "seed", "outcome"],
        [
            [
                r["id"],
                r["set"],
                *(r["energy"][s] for s in surfaces),
                *(r["metrics"][m][s] for m in metrics for s in surfaces),
                r["seed"],
                r["outcome"],
            ]
            for r in rows
        ],
    )
