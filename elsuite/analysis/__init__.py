"""Tables or a network in, a value out; nothing is written back and nothing is drawn.

The tree
    `merge_tree` (arrays), `disconnectivity_tree` (any networkx graph), `superbasins`
Its drawing, as numbers
    `tree_layout`, `energy_scale`, `with_levels`
"""

from elsuite.analysis.disconnectivity import DisconnectivityTree, Merge, disconnectivity_tree, superbasins
from elsuite.analysis.energy_scale import EnergyScale, GapScale, LinearScale, LogScale, energy_scale
from elsuite.analysis.levels import with_levels
from elsuite.analysis.merge_tree import MergeTree, merge_tree
from elsuite.analysis.tree_layout import TreeLayout, tree_layout

__all__ = [
    "DisconnectivityTree",
    "EnergyScale",
    "GapScale",
    "LinearScale",
    "LogScale",
    "Merge",
    "MergeTree",
    "TreeLayout",
    "disconnectivity_tree",
    "energy_scale",
    "merge_tree",
    "superbasins",
    "tree_layout",
    "with_levels",
]
