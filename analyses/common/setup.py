"""At which scale an analysis runs, on which databases, and where its results go."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from elsuite import LandscapeDatabase, open_database
from elsuite.landscapes import load_data
from elsuite.plotting import save_figure
from elsuite.studies import StudyRun, load_study, run_study

__all__ = ["NETWORKS", "ROOT", "SCALES", "Setup", "main"]

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = ("fcp", "lenet", "autoencoder", "lstm")
SCALES = ("smoke", "desk", "published")


@dataclass(frozen=True)
class Setup:
    """One run of one analysis.

    Attributes
    ----------
    name : str
        Of the analysis, which is its folder's.
    scale : str
        Which study files are used.
    stores : Path
        Where databases lie: ``STORES/SCALE/STUDY``.
    networks : tuple of str
    data_dir : str or None
        Where MNIST lies.
    """

    name: str
    scale: str
    stores: Path
    networks: tuple[str, ...] = NETWORKS
    data_dir: str | None = None

    @property
    def results(self) -> Path:
        """The folder of this run's results."""
        folder = ROOT / self.name / "results" / self.scale
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def database(self, study: str) -> Iterator[LandscapeDatabase]:
        """Yield the database of a study, after running what is missing of it."""
        given, text = load_study(ROOT / "studies" / self.scale / f"{study}.toml")
        folder = self.stores / self.scale
        if given.data.name.endswith(".npz"):
            name = str(enlarged_digits(folder / given.data.name))
            given = given.model_copy(update={"data": given.data.model_copy(update={"name": name})})
        run = StudyRun(given, text, folder / study)
        report = run_study(run, data_dir=self.data_dir, progress=_report)
        with open_database(report.store) as database:
            yield database

    def save(self, figure: Figure, name: str) -> None:
        """Write a picture as PNG."""
        save_figure(figure, self.results / f"{name}.png")
        print(self.results / f"{name}.png")


def enlarged_digits(path: Path) -> Path:
    """Write scikit-learn's digits at twice their size, for a network that takes no images of 8 x 8; return the path."""
    if not path.exists():
        digits = load_data("digits")
        parts = {name: getattr(digits, name) for name in ("train_targets", "test_targets")}
        for name in ("train_inputs", "test_inputs"):
            parts[name] = getattr(digits, name).repeat(2, axis=1).repeat(2, axis=2)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **parts)
    return path


def main(analysis: Callable[[Setup], None], given: Sequence[str] | None = None) -> None:
    """Run an analysis as the command line says; its name is that of the folder that its run.py lies in.

    Mistakes are one line and exit code 2; with `given` arguments, who calls has the error.
    """
    name = Path(sys.modules[analysis.__module__].__file__ or "").parent.name
    parser = argparse.ArgumentParser(prog=f"python -m analyses.{name}.run", description=analysis.__doc__)
    parser.add_argument("--scale", choices=SCALES, default="desk")
    parser.add_argument("--networks", default=",".join(NETWORKS), help="some of " + ",".join(NETWORKS))
    parser.add_argument("--stores", type=Path, default=ROOT / "stores", help="folder of the databases")
    parser.add_argument("--data-dir", default=os.environ.get("ELSUITE_DATA_DIR"), help="folder of MNIST")
    options = parser.parse_args(given)
    networks = tuple(options.networks.split(","))
    if not set(networks) <= set(NETWORKS):
        parser.error(f"--networks: given {options.networks!r}, allowed: some of {','.join(NETWORKS)}")
    setup = Setup(name, options.scale, options.stores, networks, options.data_dir)
    if given is not None:
        analysis(setup)
        return
    try:
        analysis(setup)
    except (ValueError, OSError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")


def _report(stage: str, done: int, total: int) -> None:
    print(f"\r{stage}: {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
