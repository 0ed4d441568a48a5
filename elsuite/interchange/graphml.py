"""The transition network as GraphML, which graph programs such as Gephi and igraph read."""

from pathlib import Path

import networkx as nx

from elsuite.interchange.files import new_files
from elsuite.interchange.formats import Format
from elsuite.network import AnyGraph


def write_graphml(network: AnyGraph, path: str | Path) -> None:
    """Write a network with all attributes of its nodes and edges; what is neither number nor text becomes text.

    Raises
    ------
    FormatError
        If there is something at `path` already.

    Examples
    --------
    >>> import tempfile
    >>> network = nx.Graph([("a", "b", {"energy": 0.5})])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_graphml(network, f"{folder}/network.graphml")
    ...     nx.read_graphml(f"{folder}/network.graphml").edges["a", "b"]["energy"]
    0.5
    """
    written = network.copy()
    # What was searched is no attribute of a file, and what is unknown is none either.
    written.graph = {key: value for key, value in written.graph.items() if isinstance(value, (int, float, str))}
    everything = [attributes for _, attributes in written.nodes(data=True)]
    everything += [attributes for *_, attributes in written.edges(data=True)]
    for attributes in everything:
        for key, value in attributes.items():
            attributes[key] = value if isinstance(value, (int, float, str)) else str(value)
    with new_files(Path(path)) as (place,):
        nx.write_graphml(written, place)


FORMAT = Format("the network as a GraphML file", write_network=write_graphml, verified=False)
