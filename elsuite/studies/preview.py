"""What a study would do: its steps, gradients, bytes and hours, and which pairs it would search.

Work is counted in images: one image's gradient at one point is the unit that all stages share. A short run of each
minimizer and finder on a few images says how many units an epoch or a search takes, and a timed gradient says how
long a unit lasts. Nothing of the study itself is run, and nothing is written.
"""

import dataclasses
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from elsuite.database import LandscapeDatabase
from elsuite.exploration.connect import plan_searches
from elsuite.exploration.minima import starts_of
from elsuite.exploration.pairs import AdaptiveChooser
from elsuite.landscapes import DataLandscape, Landscape
from elsuite.paths import PathFinder, PathSearch
from elsuite.paths.series import SeriesPathFinder
from elsuite.studies.build import as_stored, build_chooser, build_finder, build_minimizer, landscape_of
from elsuite.studies.few_samples import FewSamples
from elsuite.studies.model import MinimizerSection, PathsSection, Study, StudyError
from elsuite.studies.reading import check_surfaces
from elsuite.studies.run import ids_of_round, study_pairs, study_threads
from elsuite.symmetry import UnitSymmetry

_PROBE_IMAGES = 256
_TIMED_IMAGES = 2048
_SCALAR_BYTES = 128
"""About what the scalar columns of one row take."""


@dataclass(frozen=True)
class StageCost:
    """The cost of one table of the study file: steps of all its work, gradients of the whole data set, bytes stored.

    A path is one search, on all its surfaces.
    """

    stage: str
    steps: int
    gradients: float
    bytes: int
    hours: float
    bytes_a_path: int = 0


def estimate_cost(study: Study, *, data_dir: str | Path | None = None) -> dict[str, Any]:
    """Return the cost of each stage (`stages`, a list) and the sums `gradients`, `bytes` and `hours`."""
    with study_threads(study.threads):
        return _cost(study, data_dir)


def _cost(study: Study, data_dir: str | Path | None) -> dict[str, Any]:
    landscape = landscape_of(study.data, study.network, data_dir)
    if mistakes := check_surfaces(study, landscape.surfaces):
        raise StudyError("\n".join(mistakes))
    probe = FewSamples(landscape, _PROBE_IMAGES) if isinstance(landscape, DataLandscape) else landscape
    seconds = _seconds_per_image(landscape)
    stages = [_minimizer_cost(section, landscape, probe, seconds) for section in study.minimizers]
    stages += [_paths_cost(section, study, landscape, probe, seconds) for section in study.paths]
    rows = [dataclasses.asdict(stage) for stage in stages]
    totals = {key: sum(row[key] for row in rows) for key in ("steps", "gradients", "bytes", "hours")}
    return {"stages": rows, "microseconds_per_image_gradient": seconds * 1e6, **totals}


def _n_samples(landscape: Landscape) -> int:
    """Return the number of samples; an energy without data is one."""
    return landscape.n_samples if isinstance(landscape, DataLandscape) else 1


def _seconds_per_image(landscape: Landscape) -> float:
    """Return the time of one image's gradient at one point, the best of five with many images at once."""
    n_images = min(_TIMED_IMAGES, _n_samples(landscape))
    points, part = landscape.initial_points([0, 1]), landscape
    if isinstance(landscape, DataLandscape):
        part = landscape.minibatch(torch.arange(n_images, device=landscape.device))
    times = []
    for _ in range(5):
        began = time.perf_counter()
        # `.cpu()` waits for a GPU to finish.
        part.energy_and_gradient(points)[0].cpu()
        times.append(time.perf_counter() - began)
    return min(times) / (len(points) * n_images)


def _minimizer_cost(section: MinimizerSection, landscape: Landscape, probe: Landscape, seconds: float) -> StageCost:
    minimizer = build_minimizer(section)
    epochs = minimizer.epochs
    short = dataclasses.replace(minimizer, epochs=min(epochs, 2))
    (result,) = short.minimize(probe, probe.initial_points([0]), seeds=[0])
    per_epoch = result.n_evaluations / max(short.epochs, 1)
    batch = getattr(minimizer, "batch_size", None) or _n_samples(landscape)
    # Recording all surfaces once costs, in gradients of the training surface, a third of each.
    samples = [_n_samples(landscape.on(name)) for name in landscape.surfaces]
    evaluations = section.starts * epochs * (per_epoch + sum(samples) / samples[0] / 3)
    kept = section.keep or section.starts
    n_surfaces = len(landscape.surfaces)
    stored = kept * n_surfaces * (landscape.n_parameters * landscape.dtype.itemsize + _SCALAR_BYTES)
    stored += section.starts * (epochs + 1) * n_surfaces * 8
    return StageCost(
        stage=f"minimizing: {section.label}",
        steps=section.starts * epochs * math.ceil(samples[0] / batch),
        gradients=evaluations,
        bytes=stored,
        hours=evaluations * samples[0] * seconds / 3600,
    )


def _paths_cost(
    section: PathsSection, study: Study, landscape: Landscape, probe: Landscape, seconds: float
) -> StageCost:
    sets, n_samples = study.sets_on(landscape.surfaces), _n_samples(landscape)
    n_pairs = build_chooser(section).count([sets[n].keep or sets[n].starts for n in section.sets or sets])
    start, end = probe.initial_points([0, 1])
    finder = shortened = build_finder(section)
    repeated = 1
    if isinstance(finder, SeriesPathFinder) and finder.tolerance is None:  # of equal steps one is enough to try
        shortened, repeated = dataclasses.replace(finder, n_steps=1), finder.steps_on(landscape)
    search = shortened.find(probe, start, end, seed=0)
    images = search.n_point_gradients * _n_samples(probe) * repeated
    if not getattr(finder, "images_per_step", None):
        images *= n_samples / _n_samples(probe)
    looks = search.n_evaluations * (1 + len(section.measure)) * n_samples / 3
    row = _SCALAR_BYTES + 8 * len(search.profile)
    search_bytes = row * (1 + len(section.measure)) + _curve_bytes(section, landscape, finder, search)
    return StageCost(
        stage=f"paths: {section.label}, {section.pairs}",
        steps=n_pairs,
        gradients=n_pairs * (images + looks) / n_samples,
        bytes=n_pairs * search_bytes,
        hours=n_pairs * (images + looks) * seconds / 3600,
        bytes_a_path=search_bytes,
    )


def _curve_bytes(section: PathsSection, landscape: Landscape, finder: PathFinder, search: PathSearch) -> int:
    """Return what one path's coefficients and renamed units take; of series, all the terms that it may get."""
    renamed = 0
    if section.align in {"weights", "activations"} and isinstance(landscape.symmetry, UnitSymmetry):
        renamed = 4 * sum(group.size for group in landscape.symmetry.groups)
    dtype = (section.curves or "float32") if section.keep_curves else "none"
    if dtype == "none":
        return renamed
    whole = finder.basis(None) if isinstance(finder, SeriesPathFinder) else search.path.basis
    return renamed + whole.n_terms * landscape.n_parameters * np.dtype(dtype).itemsize


@dataclass(frozen=True)
class PlannedPairs:
    """What one table of the study file asks for."""

    stage: str
    pairs: tuple[tuple[int, int], ...]  # not tried yet; where they are chosen as the paths come in, those of a round
    n_done: int  # tried before, with the same settings
    tree: str = ""  # where pairs are chosen as the paths come in, how far the tree is


def planned_pairs(database: LandscapeDatabase, study: Study) -> list[PlannedPairs]:
    """Return the pairs of each `[[paths]]` table between the minima that the database holds now."""
    study = as_stored(study, database.attributes)
    plans = []
    for position, section in enumerate(study.paths):
        stage = f"paths: {section.label}, {section.pairs}"
        chooser, finder = build_chooser(section), build_finder(section)
        surface = section.surface or database.surfaces[0]
        if isinstance(chooser, AdaptiveChooser):
            ids = ids_of_round(database, study, position)
            named = {"surface": surface, "label": section.label, "align": section.align}
            pairs, words = chooser.next_round(database, finder, ids, **named)
            plans.append(PlannedPairs(stage, tuple((a, b) for a, b in pairs.tolist()), 0, words))
            continue
        wanted = study_pairs(database, study, position)
        curves = section.curves if section.keep_curves else "none"
        plan = plan_searches(database, finder, wanted, surface=surface, align=section.align, curves=curves)
        left = tuple((task.source, task.target) for task in plan.tasks)
        plans.append(PlannedPairs(stage, left, len(wanted) - len(left)))
    return plans


def starts_left(database: LandscapeDatabase, study: Study) -> int:
    """Return how many starts of the study the database has no run of: pairs change as their minima come in."""
    known = set(zip(*(database.runs[name].values.tolist() for name in ("minimizer", "seed")), strict=True))
    return sum(
        (section.label, seed) not in known
        for position, section in enumerate(study.minimizers)
        for seed in starts_of(study.seed, position, section.starts)
    )
