"""Tables or a network in, a value out; nothing is written back and nothing is drawn.

The tree
    `merge_tree` (arrays), `disconnectivity_tree` (any networkx graph)
Superbasins
    `superbasins` at an energy, `superbasin_curves` at all energies, `persistence` of each minimum
A tree made smaller, and what that hides
    `lowest_minima`, `minima_below`, `merged_branches`, `persistent_minima`, `components_from`, `component_of`
Its drawing, as numbers
    `tree_layout`, `with_levels`, `energy_scale`, `node_groups`, `node_values`, `branches_between`
"""

from elsuite.analysis.basins import SuperbasinCurves, persistence, superbasin_curves, superbasins
from elsuite.analysis.disconnectivity import DisconnectivityTree, Merge, disconnectivity_tree
from elsuite.analysis.energy_scale import EnergyScale, GapScale, LinearScale, LogScale, energy_scale
from elsuite.analysis.levels import with_levels
from elsuite.analysis.merge_tree import MergeTree, merge_tree
from elsuite.analysis.node_groups import branches_between, node_groups, node_values
from elsuite.analysis.tree_layout import TreeLayout, tree_layout
from elsuite.analysis.trimming import (
    Trimmed,
    component_of,
    components_from,
    lowest_minima,
    merged_branches,
    minima_below,
    persistent_minima,
)

__all__ = [
    "DisconnectivityTree",
    "EnergyScale",
    "GapScale",
    "LinearScale",
    "LogScale",
    "Merge",
    "MergeTree",
    "SuperbasinCurves",
    "TreeLayout",
    "Trimmed",
    "branches_between",
    "component_of",
    "components_from",
    "disconnectivity_tree",
    "energy_scale",
    "lowest_minima",
    "merge_tree",
    "merged_branches",
    "minima_below",
    "node_groups",
    "node_values",
    "persistence",
    "persistent_minima",
    "superbasin_curves",
    "superbasins",
    "tree_layout",
    "with_levels",
]
