"""Which lines of a disconnectivity graph stand for joins that nobody searched enough to call barriers."""

from typing import Final, Literal

import numpy as np

from elsuite.analysis.disconnectivity import DisconnectivityTree
from elsuite.analysis.merge_tree import MergeTree
from elsuite.analysis.tree_evidence import NONE
from elsuite.analysis.tree_layout import TreeLayout
from elsuite.core.typing import Floats, Ids
from elsuite.network.evidence import STATES, State

UNTESTED: Final = STATES.index("untested")
UNKNOWN: Final = STATES.index("unknown")


def weak_note(tree: DisconnectivityTree) -> str:
    """Return how many merges are not tested, as a picture says it; nothing where all are.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> from elsuite.network import transition_network
    >>> from elsuite.analysis import disconnectivity_tree
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> paths = {"source": [0], "target": [1], "height": [2.0], "outcome": ["budget spent"]}
    >>> _ = database.add(minima={"energy": [[0.0], [1.0]]}, paths=paths)
    >>> weak_note(disconnectivity_tree(transition_network(database)))
    '1 of 1 merge not tested: its height is no barrier'
    """
    states = tree.evidence.states(tree.tree)
    n = states.count("untested")
    means = "its height is no barrier" if n == 1 else "their heights are no barriers"
    return f"{n:,} of {len(states):,} merge{'s' * (len(states) != 1)} not tested: {means}" if n else ""


def doubts(tree: DisconnectivityTree, drawn: MergeTree | None = None) -> Ids:
    """Return for each node (n_nodes,) the state of the join at which its part ends, where that is no barrier; else -1.

    These joins are untested, or unknown where others were searched: where none was, as in a database from elsewhere,
    the unknown ones are as good as all others. A part that a lower one joins does not end there, and has no doubt.

    Parameters
    ----------
    drawn : MergeTree, optional
        The tree as it is drawn, of the same leaves, with merges at levels for instance; `tree.tree` if None.

    Returns
    -------
    ndarray of int
        Positions in `elsuite.network.evidence.STATES`.

    Examples
    --------
    Of two searches across the join of minima 0 and 1 none converged.

    >>> from elsuite import LandscapeDatabase
    >>> from elsuite.network import transition_network
    >>> from elsuite.analysis import disconnectivity_tree
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> paths = {"source": [0, 0], "target": [1, 1], "height": [2.0, 3.0], "outcome": ["budget spent"] * 2}
    >>> _ = database.add(minima={"energy": [[0.0], [1.0]]}, paths=paths)
    >>> tree = disconnectivity_tree(transition_network(database))
    >>> doubts(tree).tolist(), STATES[4]
    ([-1, 4, -1], 'untested')
    """
    nodes = tree.tree if drawn is None else drawn
    codes = tree.evidence.codes
    doubtful = codes == UNTESTED
    if tree.evidence.n_searches:
        doubtful |= codes == UNKNOWN
    found = np.full(nodes.n_nodes, NONE)
    ended = nodes.ended
    found[ended] = np.where(doubtful, codes, NONE)[nodes.lowest[ended]]
    return found


def separating_state(tree: DisconnectivityTree, labels: Ids) -> State | Literal[""]:
    """Return the weakest state among the merges that separate groups of minima; "" where no merge does.

    A merge separates groups if it joins minima of different ones: those at which all joined minima are of one group
    say nothing about how far the groups are apart.

    Parameters
    ----------
    labels : ndarray of int (n_leaves,)
        The group of each minimum; -1 for none.

    Examples
    --------
    >>> import networkx as nx
    >>> from elsuite.analysis import disconnectivity_tree
    >>> network = nx.Graph([(0, 1, {"energy": 1.0, "kind": "transition_state"}), (1, 2, {"energy": 3.0})])
    >>> nx.set_node_attributes(network, 0.0, "energy")
    >>> tree = disconnectivity_tree(network)
    >>> separating_state(tree, np.array([0, 1, 1])), separating_state(tree, np.array([0, 0, 1]))
    ('unknown', 'unknown')
    >>> separating_state(tree, np.array([0, 1, -1])), separating_state(tree, np.array([0, 0, -1]))
    ('verified', '')
    """
    nodes = tree.tree
    ended = nodes.ended
    first, middle = nodes.starts[nodes.parents[ended]], nodes.starts[ended]
    last = middle + nodes.sizes[ended]
    ordered = np.asarray(labels)[nodes.leaf_order]
    places = np.flatnonzero(ordered >= 0)
    before = np.append(0, np.cumsum(ordered >= 0))  # of labeled leaves, in the tree's order
    changes = np.append(0, np.cumsum(np.diff(ordered[places]) != 0))
    # What a part joins stands before it: both have labels, and not all of them are one.
    a, b, c = before[first], before[middle], before[last]
    both = np.flatnonzero((a < b) & (b < c))
    apart = both[changes[c[both] - 1] > changes[a[both]]]
    codes = tree.evidence.codes[nodes.lowest[ended[apart]]]
    return STATES[codes.max()] if len(codes) else ""


def doubtful_lines(layout: TreeLayout, found: Ids) -> tuple[Floats, Ids, Ids]:
    """Return the lines of a layout, (n, 2, 2), with the node and the doubt of each.

    A part's line to the merge where it ends is doubtful, and of the line that joins the parts there what leads to
    doubtful parts only: it is cut in up to three.

    Parameters
    ----------
    found : ndarray of int (n_nodes,)
        The `doubts` of `layout.tree`.

    Returns
    -------
    lines, nodes, doubts : ndarray
        In the order of the layout, what was cut off last.

    Examples
    --------
    The line of the second minimum and the right half of the line that joins both.

    >>> from elsuite.analysis import merge_tree, tree_layout
    >>> layout = tree_layout(merge_tree([0.0, 0.2], [0], [1], [1.0]))
    >>> lines, nodes, states = doubtful_lines(layout, np.array([-1, UNTESTED, -1]))
    >>> lines[states == UNTESTED].tolist()
    [[[1.0, 0.2], [1.0, 1.0]], [[0.5, 1.0], [1.0, 1.0]]]
    """
    tree, x = layout.tree, layout.x
    lines, nodes = layout.segments, layout.segment_nodes
    states = found[nodes]
    level = (lines[:, :, 1] == layout.y[nodes, None]).all(axis=1) & (lines[:, 0, 0] < lines[:, 1, 0])
    level &= nodes >= tree.n_leaves
    parts = np.flatnonzero(found >= 0)
    worst = np.full(tree.n_nodes, NONE)
    np.maximum.at(worst, tree.parents[parts], found[parts])
    bars = np.flatnonzero(level)
    states[bars] = NONE
    bars = bars[worst[nodes[bars]] >= 0]
    if not len(bars):
        return lines, nodes, states
    sure = np.flatnonzero((tree.parents >= 0) & (found < 0))
    left, right = x.copy(), x.copy()  # what leads up from the merge, and to parts without a doubt
    np.minimum.at(left, tree.parents[sure], x[sure])
    np.maximum.at(right, tree.parents[sure], x[sure])
    merges = nodes[bars]
    pieces = [lines[bars].copy() for _ in range(2)]
    pieces[0][:, 1, 0], pieces[1][:, 0, 0] = left[merges], right[merges]
    lines = lines.copy()
    lines[bars, 0, 0], lines[bars, 1, 0] = left[merges], right[merges]
    cut = np.concatenate(pieces)
    kept = np.flatnonzero(cut[:, 0, 0] < cut[:, 1, 0])
    owners = np.tile(merges, 2)[kept]
    return (
        np.concatenate([lines, cut[kept]]),
        np.concatenate([nodes, owners]),
        np.concatenate([states, worst[owners]]),
    )
