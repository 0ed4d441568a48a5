"""The disconnectivity tree of a database without the networkx graph between: for very many minima."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from elsuite.analysis.disconnectivity import DisconnectivityTree
from elsuite.analysis.merge_tree import merge_tree
from elsuite.analysis.tree_evidence import Edges, tree_evidence
from elsuite.core.typing import Ids
from elsuite.database.declared import energy_floor
from elsuite.database.query import choose_surface, usable_minima
from elsuite.network import lowest_of_pairs, path_heights
from elsuite.network.evidence import NOT_SEARCHED, TRIES, searches_of
from elsuite.network.transition import Joins, chosen_joins, joining_rows
from elsuite.schema import KINDS

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase


def stored_tree(
    database: "LandscapeDatabase",
    *,
    surface: str | None = None,
    finder: str | Sequence[str] | None = None,
    joins: Joins | None = None,
    ids: Ids | None = None,
    tries: int = TRIES,
) -> DisconnectivityTree:
    """Return ``disconnectivity_tree(transition_network(database, ...))``, of a million minima in seconds.

    Parameters
    ----------
    surface, finder, joins
        As in `elsuite.network.transition_network`.
    ids : ndarray of int, optional
        Ascending: only these minima, which have to be solutions with an energy, and what joins two of them.
    tries : int
        As in `disconnectivity_tree`.

    Raises
    ------
    NotFoundError
        If the database has no such surface or finder.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> paths = {"source": [0], "target": [1], "height": [2.0], "outcome": ["converged"]}
    >>> _ = database.add(minima={"energy": [[0.0], [1.0], [1.0]]}, paths=paths)
    >>> tree = stored_tree(database)
    >>> tree, tree.merges[0].evidence.state
    (<DisconnectivityTree: 3 leaves, 1 merges, energies 0 to 2>, 'tested')
    """
    name = choose_surface(database, surface)
    joins = chosen_joins(database, joins)
    ids = np.flatnonzero(usable_minima(database, name)) if ids is None else ids
    position = np.full(database.n_minima, -1)
    position[ids] = np.arange(len(ids))
    energies = database.minima["energy"].values[ids, database.surfaces.index(name)].astype(np.float64)
    found = lowest_of_pairs(path_heights(database, name, finder=finder, joins=joins))
    found = found.select((position[found.sources] >= 0) & (position[found.targets] >= 0))
    sources, targets = position[found.sources], position[found.targets]
    kinds, outcomes = (database.paths[key].values[found.paths] for key in ("kind", "outcome"))
    verified = np.asarray(kinds == KINDS[1], dtype=bool)
    searched = ~np.isin(outcomes.astype(str), NOT_SEARCHED) & ~verified
    searches = searches_of(database, name, joining_rows(database, joins, finder))
    known = searches.renumbered(lambda nodes: position[nodes])
    tree = merge_tree(energies, sources, targets, found.heights)
    edges = Edges(sources, targets, found.heights, verified, searched)
    evidence = tree_evidence(tree, known, edges, tries=tries, energy_floor=energy_floor(database))
    return DisconnectivityTree(tuple(ids.tolist()), tree, evidence)
