"""Commands that read a database: info, minima, barrier, superbasins, tree."""

import math
from typing import Any

import click

from elsuite.cli.common import (
    check_ids,
    choose_surface,
    example,
    finder_option,
    finite,
    json_option,
    print_json,
    print_table,
    store_argument,
    surface_option,
)
from elsuite.database import LandscapeDatabase, describe, open_database
from elsuite.schema import NotFoundError

__all__ = ["barrier", "info", "minima", "superbasins", "tree"]


@click.command(epilog=example("elsuite info demo/landscape.elsuite --json"))
@store_argument
@json_option
def info(store: str, json_: bool) -> None:
    """Say what a database holds: format, sizes, surfaces, sets."""
    with open_database(store) as database:
        facts = describe(database)
    if json_:
        print_json(facts)
        return
    sets = facts.pop("sets")
    print_table(["", store], [[key, _in_words(value)] for key, value in facts.items()])
    click.echo()
    print_table(["set", "minima"], list(sets.items()))


@click.command(epilog=example("elsuite minima demo/landscape.elsuite --set sgd/train --sort train"))
@store_argument
@click.option("--set", "set_", metavar="NAME", help="Only this set, such as sgd/test.")
@click.option("--sort", metavar="SURFACE", help="Lowest energy on this surface first.")
@click.option("--where", metavar="CONDITION", help="Such as: energy.train < 0.01 and set == 'sgd/test'.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N.")
@json_option
def minima(
    store: str, set_: str | None, sort: str | None, where: str | None, limit: int | None, json_: bool
) -> None:
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


@click.command(epilog=example("elsuite barrier demo/landscape.elsuite 0 5 --surface train"))
@store_argument
@click.argument("a", type=int)
@click.argument("b", type=int)
@surface_option
@finder_option
@json_option
def barrier(store: str, a: int, b: int, surface: str | None, finder: str | None, json_: bool) -> None:
    """Print the minimax barrier between minima A and B: the lowest height over all known routes, and the best route."""
    from elsuite.network import minimax_barrier, minimax_route, route_heights, transition_network

    with open_database(store) as database:
        surface = choose_surface(database, surface)
        check_ids(database, (a, b))
        network = transition_network(database, surface=surface, finder=finder)
    route = minimax_route(network, a, b)
    found: dict[str, Any] = {
        "source": a,
        "target": b,
        "surface": surface,
        "minimax_barrier": minimax_barrier(network, a, b),
        "route": route,
        "heights": route_heights(network, route),
        "direct_height": network.edges[a, b]["energy"] if network.has_edge(a, b) else None,
    }
    if json_:
        print_json(found)
        return
    if found["minimax_barrier"] is None:
        click.echo(f"minima {a} and {b} are not joined by any stored path on surface {surface}")
        return
    click.echo(f"minimax barrier {a} - {b} on {surface}: {found['minimax_barrier']:.10g}")
    click.echo(f"route: {' - '.join(map(str, route))}")
    click.echo(f"heights: {', '.join(format(height, '.6g') for height in found['heights']) or 'none'}")
    direct = found["direct_height"]
    click.echo(f"direct path: {'none searched' if direct is None else format(direct, '.10g')}")


@click.command(epilog=example("elsuite superbasins demo/landscape.elsuite --surface train --energy 0.05"))
@store_argument
@surface_option
@finder_option
@click.option(
    "--energy", type=float, callback=finite, required=True, help="Minima joined at or below this energy."
)
@json_option
def superbasins(store: str, surface: str | None, finder: str | None, energy: float, json_: bool) -> None:
    """Which minima are mutually reachable at or below an energy; largest superbasin first."""
    from elsuite.analysis import superbasins as superbasins_at

    groups = [list(group) for group in superbasins_at(_tree(store, surface, finder), energy)]
    if json_:
        print_json(groups)
        return
    click.echo(f"{len(groups)} superbasins at {energy:g}")
    for group in groups:
        click.echo(f"{len(group):>6}: {' '.join(map(str, group))}")


@click.command(epilog=example("elsuite tree demo/landscape.elsuite --surface train --json"))
@store_argument
@surface_option
@finder_option
@json_option
def tree(store: str, surface: str | None, finder: str | None, json_: bool) -> None:
    """Print the disconnectivity tree: all leaves, and the merges in ascending order of height."""
    value = _tree(store, surface, finder)
    if json_:
        leaves = [{"id": i, "energy": e} for i, e in zip(value.leaves, value.energies, strict=True)]
        merges = [{"height": m.height, "members": [list(part) for part in m.members]} for m in value.merges]
        print_json({"leaves": leaves, "merges": merges})
        return
    click.echo(f"{len(value.leaves)} leaves, {len(value.merges)} merges")
    print_table(
        ["height", "joins", "lowest of each"],
        [
            [m.height, " + ".join(str(len(p)) for p in m.members), " ".join(str(p[0]) for p in m.members)]
            for m in value.merges
        ],
    )


def _tree(store: str, surface: str | None, finder: str | None) -> Any:
    from elsuite.analysis import disconnectivity_tree
    from elsuite.network import transition_network

    with open_database(store) as database:
        surface = choose_surface(database, surface)
        return disconnectivity_tree(transition_network(database, surface=surface, finder=finder))


def _minima_rows(database: LandscapeDatabase) -> list[dict[str, Any]]:
    table, runs = database.minima, database.runs
    seeds = runs["seed"].values.tolist()
    energy = table["energy"].values.tolist()
    columns = zip(
        table["set"].values.tolist(),
        table["run"].values.tolist(),
        table["outcome"].values.tolist(),
        strict=True,
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


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {'unknown' if item is None else item}" for key, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
