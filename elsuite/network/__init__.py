"""The transition network, and what a graph of barriers can be asked.

networkx graphs are what users hold; `scipy.sparse.csgraph` computes, on arrays.

From a database
    `transition_network`; `path_heights`, `lowest_of_pairs`, `of_finder` as arrays
Questions to any networkx graph whose nodes and edges have an energy
    `minimax_barrier`, `minimax_route`, `route_heights`, `neighbors_by_barrier`, `minimax_matrix`
Arrays
    `network_arrays`, `spanning_forest`
"""

from elsuite.network.arrays import AnyGraph, NetworkArrays, network_arrays, spanning_forest
from elsuite.network.minimax import minimax_barrier, minimax_matrix, minimax_route, neighbors_by_barrier, route_heights
from elsuite.network.transition import PathHeights, lowest_of_pairs, of_finder, path_heights, transition_network

__all__ = [
    "AnyGraph",
    "NetworkArrays",
    "PathHeights",
    "lowest_of_pairs",
    "minimax_barrier",
    "minimax_matrix",
    "minimax_route",
    "neighbors_by_barrier",
    "network_arrays",
    "of_finder",
    "path_heights",
    "route_heights",
    "spanning_forest",
    "transition_network",
]
