"""The command that lists the minima: minima."""

import math
from typing import Any

import click

from elsuite.cli.common import example, json_option, print_json, print_table, store_argument
from elsuite.database import LandscapeDatabase, open_database
from elsuite.database.query import choose_surface
from elsuite.schema import NotFoundError


@click.command(epilog=example("elsuite minima demo/landscape.elsuite --set sgd/train --sort train"))
@store_argument
@click.option("--set", "set_", metavar="NAME", help="Only this set, such as sgd/test.")
@click.option("--sort", metavar="SURFACE", help="Lowest energy on this surface first.")
@click.option("--where", metavar="CONDITION", help="Such as: energy.train < 0.01 and set == 'sgd/test'.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N.")
@json_option
def minima(store: str, set_: str | None, sort: str | None, where: str | None, limit: int | None, json_: bool) -> None:
    """List the minima with their energies."""
    with open_database(store) as database:
        rows = _minima_rows(database)
        if where is not None:
            from elsuite.database.query import select_minima

            rows = [rows[i] for i in select_minima(database, where).tolist()]
        surfaces = database.surfaces
        sets = sorted({str(name) for name in database.minima["set"].values.tolist()})
        if sort is not None:
            key = choose_surface(database, sort)
            rows.sort(key=lambda row: (math.isnan(row["energy"][key]), row["energy"][key]))
    if set_ is not None:
        if set_ not in sets:
            raise NotFoundError(f"no set {set_!r}; there are: {', '.join(sets) or 'none'}")
        rows = [row for row in rows if row["set"] == set_]
    rows = rows[:limit]
    if json_:
        print_json(rows)
        return
    print_table(
        ["id", "set", *surfaces, "seed", "outcome"],
        [[r["id"], r["set"], *(r["energy"][s] for s in surfaces), r["seed"], r["outcome"]] for r in rows],
    )


def _minima_rows(database: LandscapeDatabase) -> list[dict[str, Any]]:
    table, runs = database.minima, database.runs
    seeds = runs["seed"].values.tolist()
    energy = table["energy"].values.tolist()
    columns = zip(
        table["set"].values.tolist(), table["run"].values.tolist(), table["outcome"].values.tolist(), strict=True
    )
    return [
        {
            "id": i,
            "set": str(set_),
            "energy": dict(zip(database.surfaces, energy[i], strict=True)),
            "seed": seeds[run] if run >= 0 else None,
            "outcome": str(outcome),
        }
        for i, (set_, run, outcome) in enumerate(columns)
    ]
