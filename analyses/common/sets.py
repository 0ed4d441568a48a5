"""The four sets of the study, which of them it compares, how they look, and heights over the ends of their paths."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from elsuite import LandscapeDatabase
from elsuite.network import PathHeights
from elsuite.plotting import set_styles

__all__ = ["GSS", "PAIRS", "SETS", "SGD", "STYLES", "above_ends", "area"]

SGD, GSS = "sgd", "lbfgs-gss"
SETS = tuple(f"{minimizer}/{surface}" for minimizer in (SGD, GSS) for surface in ("train", "test"))
STYLES = set_styles(SETS)
PAIRS = ((f"{SGD}/test", f"{GSS}/train"), (f"{SGD}/test", f"{GSS}/test"))
"""The sets whose distances and maps the article shows together: figures 5 and 6, then figures S3 and S4."""


def above_ends(database: LandscapeDatabase, found: PathHeights, surface: str) -> PathHeights:
    """Return paths with their heights above the energy of their higher end on a surface."""
    energies = database.minima["energy"].values[:, database.surfaces.index(surface)]
    floor = np.maximum(energies[found.sources], energies[found.targets])
    return PathHeights(found.paths, found.sources, found.targets, found.heights - floor)


def area(second: NDArray[np.bool_], values: NDArray[np.float64]) -> float:
    """Return how well values tell two sets apart, either way: the area under the ROC curve, from 0.5 to 1."""
    found = float(roc_auc_score(second, values))
    return max(found, 1 - found)
