"""Energies and heights of a stored study computed again: `recompute_sample`."""

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import torch

from elsuite.core.identity import OtherLandscapeError
from elsuite.database import Finding, LandscapeDatabase, open_database
from elsuite.exploration.checking import check_landscape
from elsuite.exploration.stored import stored_path
from elsuite.landscapes.base import Landscape
from elsuite.landscapes.recipes import Recipe
from elsuite.paths import measure
from elsuite.studies.build import landscape_of_database

TOLERANCE = 1e-4
"""Relative to the larger of the value and 1e-3: losses are sums of float32 numbers."""


@dataclass(frozen=True)
class Recomputed:
    """What came of computing a sample again: a finding for each value that differs, and which were computed."""

    findings: tuple[Finding, ...]
    n_minima: int
    n_paths: int
    note: str


def recompute_sample(
    store: str | FilePath,
    *,
    n: int,
    recipe: Recipe | None = None,
    trust: bool = False,
    data_dir: str | FilePath | None = None,
) -> Recomputed:
    """Compute the energies of `n` random minima and the heights of `n` random stored curves again.

    How the landscape is made, `recipe`, `trust` and `data_dir` say as for `landscape_of_database`. What is wrong with a
    recipe that is given raises its error; where there is none and the store's does not suffice, a note says so.

    Raises
    ------
    ValueError
        What a recipe that is given, or trusted, raises.
    OSError
        When its data cannot be read.
    """
    with open_database(store) as database:
        try:
            landscape = landscape_of_database(database, recipe, trust=trust, data_dir=data_dir)
        except (ValueError, OSError) as error:
            if recipe is not None or trust:
                raise
            return Recomputed((), 0, 0, f"not possible: {error}")
        try:
            check_landscape(database, landscape)
        except OtherLandscapeError as error:
            return Recomputed((Finding("landscape", str(error)),), 0, 0, "not possible: the data at hand are others")
        rng = np.random.default_rng(0)
        chosen = _some(rng, np.arange(database.n_minima), n)
        findings = _check_minima(database, landscape, chosen)
        bases = database.paths["basis"].values.tolist() if "basis" in database.paths else []
        curves = _some(rng, np.array([i for i, basis in enumerate(bases) if basis]), n)
        findings += _check_paths(database, landscape, curves)
    return Recomputed(tuple(findings), len(chosen), len(curves), "drawn at random")


def _check_minima(database: LandscapeDatabase, landscape: Landscape, ids: Any) -> list[Finding]:
    if not len(ids):
        return []
    points = torch.as_tensor(database.coordinates(ids.tolist())).to(landscape.device)
    stored = database.minima["energy"].values[ids]
    findings = []
    for column, name in enumerate(database.surfaces):
        again = landscape.on(name).energy(points).cpu().numpy()
        for i, old, new in zip(ids.tolist(), stored[:, column].tolist(), again.tolist(), strict=True):
            if not _agree(old, new):
                findings.append(
                    Finding(f"minimum {i}", f"energy on {name} is stored as {old:.8g}, comes out as {new:.8g}")
                )
    return findings


def _check_paths(database: LandscapeDatabase, landscape: Landscape, rows: Any) -> list[Finding]:
    table = database.paths
    findings = []
    for row in rows.tolist():
        path = stored_path(database, row)
        if path is None:
            continue
        profile = table["profile"][row].values
        n_points = int(np.isfinite(profile).sum())
        if n_points < 2:
            continue
        again = measure(path, landscape.on(str(table["surface"].values[row])), n_points=n_points)
        worst = int(np.argmax(np.abs(again.profile - profile[:n_points])))
        if not _agree(float(profile[worst]), float(again.profile[worst])):
            old, new = profile[worst], again.profile[worst]
            problem = f"energy at point {worst} is stored as {old:.8g}, comes out as {new:.8g}"
            findings.append(Finding(f"path {row}", problem))
        height = float(table["refined_height"].values[row])
        if again.refined_height > height and not _agree(height, again.refined_height):
            problem = f"the height is stored as {height:.8g}, an energy on the path is {again.refined_height:.8g}"
            findings.append(Finding(f"path {row}", problem))
    return findings


def _agree(old: float, new: float) -> bool:
    return abs(old - new) <= TOLERANCE * max(abs(old), 1e-3)


def _some(rng: np.random.Generator, ids: Any, n: int) -> Any:
    return np.sort(rng.permutation(ids)[:n])
