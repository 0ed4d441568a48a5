"""What a study would cost: its steps, gradients, bytes and hours, from small measurements on this machine.

Work is counted in images: one image's gradient at one point is the unit that all stages share. A short run of each
minimizer and finder on a few images says how many units an epoch or a search takes, and a timed gradient says how
long a unit lasts. Nothing of the study itself is run, and nothing is written.
"""

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from elsuite.landscapes.networks.landscape import NeuralLandscape
from elsuite.paths import PathFinder
from elsuite.paths.series import SeriesPathFinder
from elsuite.studies.build import build_finder, build_landscape, build_minimizer
from elsuite.studies.model import MinimizerSection, PathsSection, Study

__all__ = ["StageCost", "estimate_cost"]

_PROBE_IMAGES = 256
_TIMED_IMAGES = 2048
_SCALAR_BYTES = 128
"""About what the scalar columns of one row take."""


@dataclass(frozen=True)
class StageCost:
    """The cost of one table of the study file.

    Attributes
    ----------
    steps : int
        Updates of points, over all starts or searches.
    gradients : float
        Evaluations in units of the whole data set at one point.
    bytes : int
        Stored at the end.
    """

    stage: str
    steps: int
    gradients: float
    bytes: int
    hours: float


def estimate_cost(study: Study, *, data_dir: str | Path | None = None) -> dict[str, Any]:
    """Return the cost of each stage (`stages`, a list) and the sums `gradients`, `bytes` and `hours`."""
    landscape = build_landscape(study, data_dir=data_dir)
    probe = _probe(study, landscape, data_dir)
    seconds = _seconds_per_image(landscape)
    stages = [_minimizer_cost(section, landscape, probe, seconds) for section in study.minimizers]
    stages += [_paths_cost(section, study, landscape, probe, seconds) for section in study.paths]
    rows = [dataclasses.asdict(stage) for stage in stages]
    totals = {key: sum(row[key] for row in rows) for key in ("steps", "gradients", "bytes", "hours")}
    return {"stages": rows, "microseconds_per_image_gradient": seconds * 1e6, **totals}


def count_pairs(section: PathsSection, sizes: Sequence[int]) -> int:
    """Return how many searches a table asks for between sets of these sizes."""
    n = sum(sizes)
    if section.pairs == "nearest":
        return min(n * section.n_neighbors, math.comb(n, 2))
    if section.pairs == "spanning":
        return section.n_pairs or max(n - 1, 0)
    if section.pairs == "all":
        return math.comb(n, 2)
    if section.within is None and section.between is None:
        return min(section.n_pairs or n, math.comb(n, 2))
    within = sum(min(section.within or 0, math.comb(k, 2)) for k in sizes)
    between = sum(min(section.between or 0, a * b) for i, a in enumerate(sizes) for b in sizes[i + 1 :])
    return within + between


def _probe(study: Study, landscape: NeuralLandscape, data_dir: str | Path | None) -> NeuralLandscape:
    """Return the study's landscape on a few of its images."""
    n_train, n_test = (landscape.on(name).n_samples for name in ("train", "test"))
    smaller = {"n_train": min(_PROBE_IMAGES, n_train), "n_test": min(_PROBE_IMAGES // 4, n_test)}
    return build_landscape(
        study.model_copy(update={"data": study.data.model_copy(update=smaller)}), data_dir=data_dir
    )


def _seconds_per_image(landscape: NeuralLandscape) -> float:
    """Return the time of one image's gradient at one point, the best of five with many images at once."""
    n_images = min(_TIMED_IMAGES, landscape.n_samples)
    points = landscape.initial_points([0, 1])
    part = landscape.minibatch(torch.arange(n_images, device=landscape.device))
    times = []
    for _ in range(5):
        began = time.perf_counter()
        # `.cpu()` waits for a GPU to finish.
        part.energy_and_gradient(points)[0].cpu()
        times.append(time.perf_counter() - began)
    return min(times) / (len(points) * n_images)


def _minimizer_cost(
    section: MinimizerSection, landscape: NeuralLandscape, probe: NeuralLandscape, seconds: float
) -> StageCost:
    minimizer = build_minimizer(section)
    epochs = minimizer.epochs
    short = dataclasses.replace(minimizer, epochs=min(epochs, 2))
    (result,) = short.minimize(probe, probe.initial_points([0]), seeds=[0])
    per_epoch = result.n_evaluations / max(short.epochs, 1)
    batch = getattr(minimizer, "batch_size", None) or landscape.n_samples
    evaluations = section.starts * epochs * (per_epoch + _curves(landscape))
    kept = section.keep or section.starts
    n_surfaces = len(landscape.surfaces)
    stored = kept * n_surfaces * (landscape.n_parameters * _width(landscape) + _SCALAR_BYTES)
    stored += section.starts * (epochs + 1) * n_surfaces * 8
    return StageCost(
        stage=f"minimizing: {section.label}",
        steps=section.starts * epochs * math.ceil(landscape.n_samples / batch),
        gradients=evaluations,
        bytes=stored,
        hours=evaluations * landscape.n_samples * seconds / 3600,
    )


def _paths_cost(
    section: PathsSection, study: Study, landscape: NeuralLandscape, probe: NeuralLandscape, seconds: float
) -> StageCost:
    names = section.sets or list(study.sets)
    n_pairs = count_pairs(section, [study.sets[name].keep or study.sets[name].starts for name in names])
    start, end = probe.initial_points([0, 1])
    finder, repeated = _shortened(build_finder(section), landscape)
    search = finder.find(probe, start, end, seed=0)
    images = search.n_point_gradients * probe.n_samples * repeated
    if not getattr(build_finder(section), "images_per_step", None):
        images *= landscape.n_samples / probe.n_samples
    looks = search.n_evaluations * (1 + len(section.measure)) * landscape.n_samples / 3
    row = _SCALAR_BYTES + 8 * len(search.profile)
    if section.keep_curves:
        row += search.path.coefficients.numel() * 4
    return StageCost(
        stage=f"paths: {section.label}, {section.pairs}",
        steps=n_pairs,
        gradients=n_pairs * (images + looks) / landscape.n_samples,
        bytes=n_pairs * row * (1 + len(section.measure)),
        hours=n_pairs * (images + looks) * seconds / 3600,
    )


def _shortened(finder: PathFinder, landscape: NeuralLandscape) -> tuple[PathFinder, int]:
    """Return a finder to try, and how often its steps are repeated: of a fixed number one is enough to try."""
    if isinstance(finder, SeriesPathFinder) and finder.tolerance is None:
        return dataclasses.replace(finder, n_steps=1), finder.steps_on(landscape)
    return finder, 1


def _curves(landscape: NeuralLandscape) -> float:
    """Return the cost of recording all surfaces once, in gradients of the training surface: a third of each."""
    samples = [landscape.on(name).n_samples for name in landscape.surfaces]
    return sum(samples) / samples[0] / 3


def _width(landscape: NeuralLandscape) -> int:
    return 8 if landscape.dtype == torch.float64 else 4
