"""Values of the page that are text and tables."""

import json
import tomllib
from typing import TYPE_CHECKING, Any

from elsuite.analysis import set_table
from elsuite.analysis.names import surface_name
from elsuite.core.versions import __version__
from elsuite.database.query import usable_minima
from elsuite.report.text import Table, number

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase


def title_of(database: "LandscapeDatabase") -> str:
    """Return the page's title: the study's name, or the store's."""
    try:
        name = tomllib.loads(str(database.attributes.get("study", ""))).get("name")
    except tomllib.TOMLDecodeError:
        name = None
    if isinstance(name, str) and name.strip():
        return " ".join(name.split())
    return database.path.stem if database.path is not None else "Landscape"


def lead(database: "LandscapeDatabase") -> str:
    """Return the line under the title: how much there is."""
    names = " and ".join(surface_name(surface) for surface in database.surfaces)
    runs = f" from {_count(database.n_runs, 'run')}" if database.n_runs else ""
    return (
        f"{_count(int(usable_minima(database).sum()), 'minimum', 'minima')}{runs} and "
        f"{_count(database.n_paths, 'path')} between them, in a landscape of "
        f"{_count(database.n_parameters, 'parameter')} ({names})."
    )


def _count(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def sets_table(database: "LandscapeDatabase") -> Table:
    """Return the table of the sets: number of solutions, mean energies, weights, norms."""
    summaries = set_table(database)
    metrics = list(summaries[0].metrics) if summaries else []
    head = ["Set", "Minima", *(f"Mean {surface_name(surface)}" for surface in database.surfaces)]
    head += [f"Mean {metric}" for metric in metrics]
    rows = [
        [
            summary.name,
            f"{summary.n:,}",
            *(
                number(summary.energies[surface])
                + (f" ± {number(summary.energy_stds[surface], 2)}" if summary.n > 1 else "")
                for surface in database.surfaces
            ),
            *(number(summary.metrics[metric]) for metric in metrics),
            number(summary.weight_mean),
            number(summary.weight_std),
            number(summary.norm),
        ]
        for summary in summaries
    ]
    caption = "Means over the minima of each set; ± one standard deviation between minima."
    return Table([*head, "Mean weight", "Std of weights", "Mean |w|"], rows, caption)


def origins(database: "LandscapeDatabase") -> dict[str, Any]:
    """Return how the database was made: store, seeds and finders, study file, settings, versions."""
    attributes, lines = database.attributes, []
    if database.path is not None:
        lines.append(f"Store: {database.path.name}, format {attributes.get('format_version', 1)}.")
    if attributes.get("created"):
        lines.append(f"Created {attributes['created']}; page by elsuite {__version__}.")
    if seeds := sorted({int(seed) for seed in database.runs["seed"].values.tolist() if seed >= 0}):
        many = f"{len(seeds):,} different ones from {seeds[0]} to {seeds[-1]}"
        lines.append(f"Seeds of the runs: {', '.join(map(str, seeds)) if len(seeds) <= 8 else many}.")
    if finders := sorted({str(name) for name in database.paths["finder"].values.tolist()} - {""}):
        lines.append(f"Path finders: {', '.join(finders)}.")
    named = (("settings", "Settings of minimizers and finders"), ("landscape", "The landscape"))
    versions = attributes.get("versions")
    versions = versions if isinstance(versions, dict) else {}
    return {
        "origins": lines,
        "study": attributes.get("study"),
        "settings": [
            (name, json.dumps(attributes[key], indent=2, ensure_ascii=False))
            for key, name in named
            if attributes.get(key)
        ],
        "versions": Table(
            ["Package", "Version"], [[package, str(version)] for package, version in sorted(versions.items())]
        ),
    }
