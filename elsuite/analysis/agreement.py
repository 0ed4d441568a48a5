"""How well a clustering agrees with a known grouping, such as the optimizers that found the minima."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from elsuite.analysis.clustering import GRAPH_METHODS, Clustering
from elsuite.core.typing import Floats, Ids


@dataclass(frozen=True)
class ClusterPurity:
    """The group that most minima of one cluster belong to, of equally frequent ones the first met, and their share."""

    cluster: int
    size: int
    group: Hashable
    purity: float


@dataclass(frozen=True)
class Agreement:
    """How well clusters and groups agree, over the `n` minima that are in a cluster.

    Attributes
    ----------
    adjusted_rand : float
        1: the same partition; 0: as alike as by chance.
    mutual_information : float
        Adjusted for chance as well.
    purity : float
        Share of minima that are in the most frequent group of their cluster.
    expected_purity : float
        Its mean when the groups are shuffled.
    p_value : float
        Share of shuffles of the groups with at least this adjusted Rand index, one more counted on both
        sides.
    n_unassigned : int
        Number of minima in no cluster, which are left out.
    """

    adjusted_rand: float
    mutual_information: float
    purity: float
    expected_purity: float
    p_value: float
    clusters: tuple[ClusterPurity, ...]
    n: int
    n_unassigned: int


def cluster_agreement(
    labels: ArrayLike | Clustering, groups: Sequence[Hashable], *, n_permutations: int = 2000, seed: int = 0
) -> Agreement:
    """Return how well clusters agree with groups, with a permutation test.

    The p value is right where clusters were found without regard to the groups, as those of distances or of places on
    a map. Superbasins, and other clusters of the barriers of a network, follow the pairs that were searched, more of
    them within the groups as a rule: shuffled groups call that agreement. For these there is `superbasin_agreement`.

    Parameters
    ----------
    labels : array-like of int (n,) or Clustering
        Clusters, as `Clustering.labels`; negative: in none.
    groups : sequence (n,)
        For example the set or the minimizer of each minimum.
    n_permutations : int
        Shuffles of the groups for the p value and the expected purity.

    Raises
    ------
    ValueError
        If the lengths differ, no minimum is in a cluster, or a `Clustering` is one of superbasins.

    Examples
    --------
    >>> result = cluster_agreement([0, 0, 0, 1, 1, 1], ["a", "a", "a", "b", "b", "b"])
    >>> result.adjusted_rand, result.purity
    (1.0, 1.0)
    """
    if isinstance(labels, Clustering):
        if labels.method in GRAPH_METHODS:
            raise ValueError(
                f"clusters by {labels.method!r} follow the pairs that were searched, as shuffled groups do not: "
                "superbasin_agreement(network, groups, ...) takes the network"
            )
        labels = labels.labels
    clusters = np.asarray(labels)
    if clusters.ndim != 1 or len(clusters) != len(groups):
        raise ValueError(f"one label and one group a minimum are needed, not {clusters.shape} and {len(groups)}")
    inside = np.flatnonzero(clusters >= 0)
    if not len(inside):
        raise ValueError("no minimum is in a cluster: there is nothing to compare")
    names, cluster_codes = np.unique(clusters[inside], return_inverse=True)
    known: dict[Hashable, int] = {}
    group_codes = np.array([known.setdefault(groups[k], len(known)) for k in inside.tolist()])
    table = _contingency(cluster_codes, group_codes, len(names), len(known))
    sums, purities = _shuffled(cluster_codes, group_codes, table.shape, n_permutations, seed)
    # With both margins fixed the adjusted Rand index rises with the sum of squares of the table.
    as_good = int((sums >= (table**2).sum()).sum())
    titles = list(known)
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score  # a second to import

    return Agreement(
        adjusted_rand=float(adjusted_rand_score(group_codes, cluster_codes)),
        mutual_information=float(adjusted_mutual_info_score(group_codes, cluster_codes)),
        purity=float(table.max(axis=1).sum() / len(inside)),
        expected_purity=float(purities.mean()),
        p_value=(1 + as_good) / (1 + n_permutations),
        clusters=tuple(
            ClusterPurity(int(name), int(row.sum()), titles[row.argmax()], float(row.max() / row.sum()))
            for name, row in zip(names, table, strict=True)
        ),
        n=len(inside),
        n_unassigned=len(clusters) - len(inside),
    )


def _contingency(clusters: Ids, groups: Ids, n_clusters: int, n_groups: int) -> Ids:
    return np.bincount(clusters * n_groups + groups, minlength=n_clusters * n_groups).reshape(n_clusters, n_groups)


# Sum of squares of the contingency table, and purity, for each shuffle of the groups.
def _shuffled(clusters: Ids, groups: Ids, shape: tuple[int, ...], n: int, seed: int) -> tuple[Ids, Floats]:
    random = np.random.default_rng(seed)
    sums, purities = np.zeros(n, dtype=np.int64), np.zeros(n)
    for k in range(n):
        table = _contingency(clusters, random.permutation(groups), *shape)
        sums[k], purities[k] = (table**2).sum(), table.max(axis=1).sum() / len(groups)
    return sums, purities
