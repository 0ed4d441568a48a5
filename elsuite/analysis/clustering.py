"""Groups of minima: superbasins, persistent minima with their followers, and scikit-learn's clusterings."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from elsuite.analysis.basins import elders, persistence, superbasin_numbers
from elsuite.analysis.disconnectivity import DisconnectivityTree
from elsuite.analysis.doubts import separating_state
from elsuite.analysis.embedding import top_eigenvectors
from elsuite.core.representing import short_repr
from elsuite.core.typing import Floats, Ids

Method: TypeAlias = Literal["hdbscan", "agglomerative", "spectral"]
GRAPH_METHODS = ("superbasins", "persistence")
"""Methods of clusterings that follow from the tree, and so from the pairs that were searched."""
MOST_CLUSTERS = 10
"""As many are tried where the number is not given."""
LEAST_SILHOUETTE = 0.05
"""Minima that are all as far from each other have silhouettes of 0, give or take the scatter of their distances."""


@dataclass(frozen=True, eq=False)
class Clustering:
    """A grouping of minima, by a method with the settings that it was given or chose.

    Attributes
    ----------
    labels : ndarray of int (n,)
        Cluster of each minimum, numbered from the largest (of equal ones that of the first minimum); -1: none.
    evidence : str
        The weakest state (`elsuite.network.evidence.Evidence`) of the merges that separate the clusters, where they
        are clusters of a tree or of its barriers; "" where no merge separates them.
    """

    labels: Ids
    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    evidence: str = ""

    __repr__ = short_repr

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.labels.max(initial=-1)) + 1

    @property
    def n_unassigned(self) -> int:
        """Number of minima that are in no cluster."""
        return int((self.labels < 0).sum())


def superbasin_clusters(tree: DisconnectivityTree, energy: float) -> Clustering:
    """Return the superbasins at an energy as a clustering; minima above it are in none.

    Examples
    --------
    >>> import networkx as nx
    >>> from elsuite.analysis import disconnectivity_tree
    >>> network = nx.Graph([(0, 1, {"energy": 1.0}), (1, 2, {"energy": 3.0})])
    >>> nx.set_node_attributes(network, 0.0, "energy")
    >>> superbasin_clusters(disconnectivity_tree(network), 2.0).labels.tolist()
    [0, 0, 1]
    """
    labels = superbasin_numbers(tree.tree, energy)
    return Clustering(labels, "superbasins", {"energy": energy}, separating_state(tree, labels))


def persistence_clusters(
    tree: DisconnectivityTree, *, threshold: float | None = None, n_clusters: int | None = None
) -> Clustering:
    """Return each persistent minimum with all minima whose superbasins end in its own.

    Parameters
    ----------
    threshold : float, optional
        Persistence from which on a minimum has a cluster of its own.
    n_clusters : int, optional
        Instead: the number of the most persistent minima that do; as many as there are components at least,
        and more where persistences are equal.

    Raises
    ------
    ValueError
        If not exactly one of the two is given, or it is out of range.

    Examples
    --------
    >>> import networkx as nx
    >>> from elsuite.analysis import disconnectivity_tree
    >>> network = nx.Graph([(0, 1, {"energy": 1.0}), (1, 2, {"energy": 3.0})])
    >>> nx.set_node_attributes(network, {0: 0.5, 1: 0.0, 2: 0.2}, "energy")
    >>> clusters = persistence_clusters(disconnectivity_tree(network), n_clusters=2)
    >>> clusters.labels.tolist(), clusters.settings
    ([0, 0, 1], {'threshold': 2.8})
    """
    if (threshold is None) == (n_clusters is None):
        raise ValueError("give a threshold or a number of clusters")
    lasting = persistence(tree)
    if n_clusters is not None:
        if n_clusters < 1:
            raise ValueError(f"n_clusters is at least 1, not {n_clusters}")
        limit = np.sort(lasting)[::-1][:n_clusters].min(initial=np.inf)
    else:
        limit = np.float64(threshold)
    head = np.where(lasting >= limit, np.arange(len(lasting)), elders(tree.tree))
    while not np.array_equal(further := head[head], head):
        head = further
    labels = _by_size(head)
    return Clustering(labels, "persistence", {"threshold": float(limit)}, separating_state(tree, labels))


def cluster_minima(
    dissimilarities: ArrayLike,
    *,
    method: Method = "hdbscan",
    n_clusters: int | None = None,
    min_cluster_size: int = 5,
    linkage: Literal["average", "complete", "single"] = "average",
    tree: DisconnectivityTree | None = None,
) -> Clustering:
    """Return a clustering of minima by scikit-learn from how unlike they are; identical minima are never parted.

    Parameters
    ----------
    dissimilarities : array-like (n, n)
        Symmetric, with a zero diagonal: `barrier_dissimilarity`, `euclidean_dissimilarity`,
        `map_dissimilarity`, or your own.
    method : {"hdbscan", "agglomerative", "spectral"}
        HDBSCAN finds the number of clusters and leaves outliers out; minima that it finds no clusters in are one, less
        the outliers. Spectral clustering takes affinities exp(-d^2 / 2 s^2), s the median dissimilarity above 0.
    n_clusters : int, optional
        For the other two; by default the number from 2 to 10 with the largest mean silhouette (in the settings), or
        1 where that is not above `LEAST_SILHOUETTE`.
    min_cluster_size : int
        Of HDBSCAN.
    linkage : {"average", "complete", "single"}
        Of agglomerative clustering.
    tree : DisconnectivityTree, optional
        Whose barriers the dissimilarities are, its leaves in their order: the result then says its `evidence`.

    Raises
    ------
    ValueError
        If the matrix is no matrix of dissimilarities, or an option is unknown or out of range.

    Examples
    --------
    Two pairs of minima, near to each other and far from the other pair.

    >>> points = np.array([0.0, 0.1, 5.0, 5.1])
    >>> clusters = cluster_minima(np.abs(points[:, None] - points), method="agglomerative", n_clusters=2)
    >>> clusters.labels.tolist()
    [0, 0, 1, 1]
    """
    matrix = _checked(dissimilarities)
    n_places, place = connected_components(csr_array(matrix == 0), directed=False)  # of identical minima
    first = np.unique(place, return_index=True)[1][place]
    if tree is not None and len(tree.leaves) != len(matrix):
        raise ValueError(f"the tree has {len(tree.leaves)} minima, the dissimilarities are of {len(matrix)}")

    def of_these(labels: Ids, settings: Mapping[str, Any]) -> Clustering:
        return Clustering(labels, method, settings, "" if tree is None else separating_state(tree, labels))

    if method == "hdbscan":
        if min_cluster_size < 2:
            raise ValueError(f"min_cluster_size is at least 2, not {min_cluster_size}")
        return of_these(_by_size(_hdbscan(matrix, min_cluster_size)[first]), {"min_cluster_size": min_cluster_size})
    if method not in {"agglomerative", "spectral"}:
        raise ValueError(f"no method {method!r}: there are 'hdbscan', 'agglomerative' and 'spectral'")
    if n_clusters is not None and not 1 <= n_clusters <= max(n_places, 1):
        raise ValueError(f"n_clusters is from 1 to {n_places}, the number of different minima, not {n_clusters}")

    most = n_clusters or min(MOST_CLUSTERS, n_places)
    vectors = _spectral_vectors(matrix, most) if method == "spectral" else None

    def grouped(k: int) -> Ids:
        labels: Ids = (_agglomerative(matrix, k, linkage) if vectors is None else _directions(vectors[:, :k]))[first]
        return labels

    settings: dict[str, Any] = {"linkage": linkage} if method == "agglomerative" else {}
    if n_clusters is None:
        labels, silhouette = _best_silhouette(matrix, grouped, most)
        settings["silhouette"] = silhouette
    else:
        labels = grouped(n_clusters)
    return of_these(_by_size(labels), {"n_clusters": len(np.unique(labels)), **settings})


def cluster_names(labels: ArrayLike) -> list[str]:
    """Return the names (n,) of clusters: "cluster 1" for the largest, and so on; -1 is "none".

    Examples
    --------
    >>> cluster_names([7, 7, 2, -1])
    ['cluster 1', 'cluster 1', 'cluster 2', 'none']
    """
    array = np.asarray(labels, dtype=int)
    found, counts = np.unique(array[array >= 0], return_counts=True)
    order = found[np.lexsort((found, -counts))]
    names = {int(label): f"cluster {number}" for number, label in enumerate(order, start=1)}
    return [names.get(int(label), "none") for label in array]


def largest_clusters(clusters: Sequence[str], most: int) -> list[str]:
    """Return the clusters with all but the `most` largest under one name that counts them; "none" stays.

    Examples
    --------
    >>> largest_clusters(["cluster 1", "cluster 1", "cluster 2", "cluster 3", "none"], 1)
    ['cluster 1', 'cluster 1', 'others (2)', 'others (2)', 'none']
    """
    counts = Counter(name for name in clusters if name != "none")
    kept = {"none", *sorted(counts, key=lambda name: (-counts[name], len(name), name))[:most]}
    others = f"others ({len(counts.keys() - kept)})"
    return [name if name in kept else others for name in clusters]


def _checked(dissimilarities: ArrayLike) -> Floats:
    matrix = np.asarray(dissimilarities, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"dissimilarities are a square matrix, not an array {matrix.shape}")
    uneven = 1e-9 * np.abs(matrix).max(initial=0.0)
    if not np.isfinite(matrix).all() or (matrix < 0).any() or (np.abs(matrix - matrix.T) > uneven).any():
        raise ValueError("dissimilarities are finite, at least 0 and symmetric")
    if np.diag(matrix).any():
        raise ValueError("dissimilarities are 0 on the diagonal: of a minimum to itself")
    return matrix


# Clusters renumbered: the largest first, of equally large ones that of the first minimum; negative labels
# become -1.
def _by_size(labels: NDArray[np.integer]) -> Ids:
    names, first, code, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -counts))
    order = order[names[order] >= 0]
    number = np.full(len(names), -1, dtype=np.int64)
    number[order] = np.arange(len(order))
    return number[code]


# scikit-learn takes a second to import, so it is when a clustering is asked for.
def _hdbscan(matrix: Floats, min_cluster_size: int) -> Ids:
    from sklearn.cluster import HDBSCAN

    if len(matrix) < min_cluster_size:
        return np.full(len(matrix), -1, dtype=np.int64)
    model = HDBSCAN(metric="precomputed", min_cluster_size=min_cluster_size, copy=True)
    labels = np.asarray(model.fit_predict(matrix), dtype=np.int64)
    return labels if (labels >= 0).any() else _one_cluster(matrix, min_cluster_size)


# What HDBSCAN leaves without any cluster: it compares clusters with the parts that they split into, and what never
# splits is none. It is one cluster, less those minima that join it farther away than the others do: beyond Tukey's
# outer fence of the distances (mutual reachability) at which minima join.
def _one_cluster(matrix: Floats, min_cluster_size: int) -> Ids:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    core = np.partition(matrix, min_cluster_size - 1, axis=1)[:, min_cluster_size - 1]
    reach = np.maximum(matrix, np.maximum(core[:, None], core[None, :]))
    joins = linkage(squareform(reach, checks=False), "single")
    low, high = np.quantile(joins[:, 2], [0.25, 0.75])
    groups = fcluster(joins, high + 3 * (high - low), "distance")
    inside = groups == np.argmax(np.bincount(groups))
    enough = inside.sum() >= max(min_cluster_size, len(matrix) / 2)
    return np.where(inside & enough, 0, -1)


def _agglomerative(matrix: Floats, n_clusters: int, linkage: str) -> Ids:
    from sklearn.cluster import AgglomerativeClustering

    if len(matrix) < 2:
        return np.zeros(len(matrix), dtype=np.int64)
    model = AgglomerativeClustering(n_clusters=n_clusters, metric="precomputed", linkage=linkage)
    return np.asarray(model.fit_predict(matrix), dtype=np.int64)


# Coordinates in which clusters are directions: the top eigenvectors of the affinities, scaled by their sums, n_vectors
# of them. scikit-learn's search for the lowest ones of the Laplacian fails where outliers are nearly apart.
def _spectral_vectors(matrix: Floats, n_vectors: int) -> Floats:
    apart = matrix[matrix > 0]
    scale = float(np.median(apart)) if len(apart) else 1.0
    affinity = np.maximum(np.exp(-((matrix / scale) ** 2) / 2), 1e-12)  # never quite 0: one connected graph
    roots = np.sqrt(affinity.sum(axis=1))
    affinity /= roots[:, None]
    affinity /= roots[None, :]
    vectors: Floats = top_eigenvectors(affinity, n_vectors)[1] / roots[:, None]
    return vectors


# Which of k orthogonal directions, those of the most independent rows, each row lies nearest to: cluster QR of Damle,
# Minden and Ying (2019).
def _directions(vectors: Floats) -> Ids:
    from scipy.linalg import qr, svd

    *_, pivots = qr(vectors.T, mode="economic", pivoting=True)
    left, _, right = svd(vectors[pivots[: vectors.shape[1]]].T)
    labels: Ids = np.abs(vectors @ (left @ right)).argmax(axis=1)
    return labels


# The grouping with the largest mean silhouette, and that; one cluster where none is better than no grouping.
def _best_silhouette(matrix: Floats, grouped: Callable[[int], Ids], most: int) -> tuple[Ids, float | None]:
    from sklearn.metrics import silhouette_score

    best, labels = LEAST_SILHOUETTE, np.zeros(len(matrix), dtype=np.int64)
    for k in range(2, min(most, len(matrix) - 1) + 1):
        found = grouped(k)
        if not 2 <= len(np.unique(found)) < len(matrix):
            continue
        score = float(silhouette_score(matrix, found, metric="precomputed"))
        if score > best:
            best, labels = score, found
    return labels, best if labels.any() else None
