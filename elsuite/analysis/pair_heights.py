"""Heights of pairs of minima, within each set and between sets."""

from typing import TYPE_CHECKING

import numpy as np

from elsuite.analysis.statistics import UNNAMED_SET
from elsuite.core.typing import Floats
from elsuite.network import PathHeights, lowest_of_pairs, path_heights
from elsuite.network.transition import Joins

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase


def pair_heights(
    database: "LandscapeDatabase",
    surface: str | None = None,
    *,
    refined: bool = True,
    finder: str | None = None,
    joins: Joins | None = None,
    lowest: bool = True,
) -> dict[str, PathHeights]:
    """Return the heights of the paths within each set and between sets, with the minima that they join.

    Parameters
    ----------
    surface, refined, finder, joins
        As in `path_heights`.
    lowest : bool
        Each pair counts once, by its lowest path; else all its paths count. Paths from a minimum to itself
        never do.

    Returns
    -------
    dict of str to PathHeights
        Keys "sgd/train" within a set, "sgd/train ~ sgd/test" between two, in the order of their first minima;
        within comes before between, and only keys that have paths are there.

    Raises
    ------
    NotFoundError
        If the database has no such surface or finder.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(
    ...     minima={"energy": [[0.0]] * 3, "set": ["sgd", "sgd", "lbfgs"]},
    ...     paths={"source": [0, 0, 1], "target": [1, 2, 2], "height": [1.0, 2.0, 3.0]},
    ... )
    >>> {name: found.heights.tolist() for name, found in pair_heights(database).items()}
    {'sgd': [1.0], 'sgd ~ lbfgs': [2.0, 3.0]}
    """
    found = path_heights(database, surface, refined=refined, finder=finder, joins=joins)
    found = found.select(found.sources != found.targets)
    if lowest:
        found = lowest_of_pairs(found)
    names = [str(name) or UNNAMED_SET for name in database.minima["set"].values]
    order = {name: k for k, name in enumerate(dict.fromkeys(names))}
    codes = np.array([order[name] for name in names], dtype=np.int64)
    ends = np.stack([codes[found.sources], codes[found.targets]])
    low, high = ends.min(axis=0), ends.max(axis=0)
    keys = sorted(set(zip(low.tolist(), high.tolist(), strict=True)), key=lambda key: (key[0] != key[1], key))
    titles = list(order)
    return {
        titles[a] if a == b else f"{titles[a]} ~ {titles[b]}": found.select((low == a) & (high == b)) for a, b in keys
    }


def heights_by_set(
    database: "LandscapeDatabase",
    surface: str | None = None,
    *,
    refined: bool = True,
    finder: str | None = None,
    joins: Joins | None = None,
) -> dict[str, Floats]:
    """Return the heights of the pairs of minima within each set and between sets.

    Keys and parameters are those of `pair_heights`, which knows the minima as well: a comparison needs them. Each
    pair counts once, by its lowest path.

    Examples
    --------
    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(
    ...     minima={"energy": [[0.0]] * 3, "set": ["sgd", "sgd", "lbfgs"]},
    ...     paths={"source": [0, 0], "target": [1, 2], "height": [1.0, 2.0]},
    ... )
    >>> heights_by_set(database)
    {'sgd': array([1.]), 'sgd ~ lbfgs': array([2.])}
    """
    pairs = pair_heights(database, surface, refined=refined, finder=finder, joins=joins)
    return {name: found.heights for name, found in pairs.items()}
