"""The command that prints the minimax barrier between two minima: barrier."""

from typing import Any

import click

from elsuite.cli.common import json_option, network_of_store, network_options, print_json, store_argument


@click.command(epilog="Example: elsuite barrier demo/landscape.elsuite 0 5 --surface train")
@store_argument
@click.argument("a", type=int)
@click.argument("b", type=int)
@network_options
@json_option
def barrier(store: str, a: int, b: int, surface: str | None, finder: str | None, json_: bool) -> None:
    """Print the minimax barrier between minima A and B: the lowest height over all known routes, and the best route."""
    from elsuite.network import minimax_barrier, minimax_route, route_heights

    network, surface = network_of_store(store, surface, finder, ids=(a, b))
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
