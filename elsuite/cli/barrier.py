"""The command that prints the minimax barrier between two minima: barrier."""

from typing import TYPE_CHECKING, Any

import click

from elsuite.cli.common import (
    evidence_in_words,
    evidence_json,
    json_option,
    network_of_store,
    network_options,
    print_json,
    store_argument,
)

if TYPE_CHECKING:
    from elsuite.network.transition import Joins


@click.command(epilog="Example: elsuite barrier demo/landscape.elsuite 0 5 --surface train")
@store_argument
@click.argument("a", type=int)
@click.argument("b", type=int)
@network_options
@json_option
def barrier(
    store: str, a: int, b: int, surface: str | None, finder: str | None, joins: "Joins | None", json_: bool
) -> None:
    """Print the minimax barrier between minima A and B: the lowest height over all known routes, and the best route.

    With the evidence for it: what else was searched across the merge at which they join.
    """
    from elsuite.analysis import disconnectivity_tree
    from elsuite.network import minimax_barrier, minimax_route, route_heights
    from elsuite.network.evidence import what_it_means

    network, surface = network_of_store(store, surface, finder, joins, ids=(a, b))
    evidence = disconnectivity_tree(network).barrier_evidence(a, b)
    route = minimax_route(network, a, b)
    found: dict[str, Any] = {
        "source": a,
        "target": b,
        "surface": surface,
        "joins": network.graph["joins"],
        "minimax_barrier": minimax_barrier(network, a, b),
        "route": route,
        "heights": route_heights(network, route),
        "direct_height": network.edges[a, b]["energy"] if network.has_edge(a, b) else None,
        "evidence": evidence_json(evidence),
    }
    if json_:
        print_json(found)
        return
    if found["minimax_barrier"] is None:
        click.echo(f"minima {a} and {b} are not joined by any stored path on surface {surface}")
        return
    click.echo(f"minimax barrier {a} - {b} on {surface}: {found['minimax_barrier']:.10g}")
    if evidence is not None:
        click.echo(f"evidence: {evidence_in_words(evidence)}, of a network of {found['joins']}")
        for meaning in filter(None, [what_it_means([evidence.state])]):
            click.echo(meaning)
    click.echo(f"route: {' - '.join(map(str, route))}")
    click.echo(f"heights: {', '.join(format(height, '.6g') for height in found['heights']) or 'none'}")
    direct = found["direct_height"]
    click.echo(f"direct path: {'none searched' if direct is None else format(direct, '.10g')}")
