"""Tables or a network in, a value out; nothing is written back and nothing is drawn.

The tree
    `merge_tree` (arrays), `disconnectivity_tree` (any networkx graph), `stored_tree` (very many minima)
Superbasins
    `superbasins` at an energy and their `superbasin_evidence`, `superbasin_curves` at all energies,
    `persistence` of each minimum, `meeting_energies` of groups
A tree made smaller, and what that hides
    `lowest_minima`, `minima_below`, `merged_branches`, `persistent_minima`, `components_from`, `component_of`
Its drawing, as numbers
    `tree_layout`, `with_levels`, `energy_scale`, `node_groups`, `branches_between`
Sets of minima
    `minima_by_set`, `set_table`, `heights_by_set` and `pair_heights`, `distances_to_origin`, `loss_curves`,
    `compare`; `conclusions` of whole sets of comparisons (`holm`, `equivalence_p_value`, `conclusion`), `verdict`
Maps
    `kernel_pca`, `barrier_map`, `gram_matrix`
Spectra
    `broadened_density` of stored nodes and weights
Clusters
    `superbasin_clusters`, `persistence_clusters`, `cluster_minima` of `barrier_dissimilarity`,
    `branch_lengths`, `euclidean_dissimilarity` or `map_dissimilarity`;
    `cluster_agreement` with known groups; of superbasins `superbasin_agreement`, at several energies
    `superbasin_agreements`
"""

from elsuite.analysis.agreement import Agreement, ClusterPurity, cluster_agreement
from elsuite.analysis.barrier_map import BarrierMap, barrier_map
from elsuite.analysis.basins import SuperbasinCurves, persistence, superbasin_curves, superbasin_evidence, superbasins
from elsuite.analysis.blocks import gram_matrix
from elsuite.analysis.clustering import Clustering, cluster_minima, persistence_clusters, superbasin_clusters
from elsuite.analysis.comparison import Comparison, compare
from elsuite.analysis.disconnectivity import DisconnectivityTree, Merge, disconnectivity_tree
from elsuite.analysis.dissimilarity import (
    barrier_dissimilarity,
    branch_lengths,
    euclidean_dissimilarity,
    map_dissimilarity,
)
from elsuite.analysis.embedding import Embedding, kernel_pca
from elsuite.analysis.loss_curves import LossCurves, curve_quantiles, loss_curves
from elsuite.analysis.merge_tree import MergeTree, merge_tree
from elsuite.analysis.node_groups import branches_between, meeting_energies, node_groups
from elsuite.analysis.pair_heights import heights_by_set, pair_heights
from elsuite.analysis.scales import EnergyScale, GapScale, LinearScale, LogScale, energy_scale
from elsuite.analysis.spectra import broadened_density
from elsuite.analysis.statistics import OriginDistances, SetSummary, distances_to_origin, holm, minima_by_set, set_table
from elsuite.analysis.stored_tree import stored_tree
from elsuite.analysis.superbasin_agreement import SuperbasinAgreement, superbasin_agreement, superbasin_agreements
from elsuite.analysis.tree_layout import TreeLayout, tree_layout, with_levels
from elsuite.analysis.trimming import (
    Trimmed,
    component_of,
    components_from,
    lowest_minima,
    merged_branches,
    minima_below,
    persistent_minima,
)
from elsuite.analysis.verdicts import Concluded, conclusion, conclusions, equivalence_p_value, verdict

__all__ = [
    "Agreement",
    "BarrierMap",
    "ClusterPurity",
    "Clustering",
    "Comparison",
    "Concluded",
    "DisconnectivityTree",
    "Embedding",
    "EnergyScale",
    "GapScale",
    "LinearScale",
    "LogScale",
    "LossCurves",
    "Merge",
    "MergeTree",
    "OriginDistances",
    "SetSummary",
    "SuperbasinAgreement",
    "SuperbasinCurves",
    "TreeLayout",
    "Trimmed",
    "barrier_dissimilarity",
    "barrier_map",
    "branch_lengths",
    "branches_between",
    "broadened_density",
    "cluster_agreement",
    "cluster_minima",
    "compare",
    "component_of",
    "components_from",
    "conclusion",
    "conclusions",
    "curve_quantiles",
    "disconnectivity_tree",
    "distances_to_origin",
    "energy_scale",
    "equivalence_p_value",
    "euclidean_dissimilarity",
    "gram_matrix",
    "heights_by_set",
    "holm",
    "kernel_pca",
    "loss_curves",
    "lowest_minima",
    "map_dissimilarity",
    "meeting_energies",
    "merge_tree",
    "merged_branches",
    "minima_below",
    "minima_by_set",
    "node_groups",
    "pair_heights",
    "persistence",
    "persistence_clusters",
    "persistent_minima",
    "set_table",
    "stored_tree",
    "superbasin_agreement",
    "superbasin_agreements",
    "superbasin_clusters",
    "superbasin_curves",
    "superbasin_evidence",
    "superbasins",
    "tree_layout",
    "verdict",
    "with_levels",
]
