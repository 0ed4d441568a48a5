"""Sections of the page that are text and tables."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from elsuite import __version__
from elsuite.analysis import minima_by_set, set_table
from elsuite.analysis.names import surface_name
from elsuite.plotting.markers import SetStyle, set_styles
from elsuite.report.text import escape, number

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase

__all__ = ["lead", "made_section", "marker_svg", "sets_key", "sets_section", "table", "title_of", "unordered"]


def title_of(database: "LandscapeDatabase") -> str:
    """Return the page's title: the study's name, or the store's."""
    for line in str(database.attributes.get("study", "")).splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip() == "name":
            name = value.split("#")[0].strip().strip("\"'")
            return name or "Landscape"
        if line.startswith("["):
            break
    return database.path.stem if database.path is not None else "Landscape"


def lead(database: "LandscapeDatabase") -> str:
    """Return the line under the title: how much there is."""
    names = " and ".join(surface_name(surface) for surface in database.surfaces)
    runs = f" from {_count(database.n_runs, 'run')}" if database.n_runs else ""
    return (
        f"{_count(database.n_minima, 'minimum', 'minima')}{runs} and "
        f"{_count(database.n_paths, 'path')} between them, in a landscape of "
        f"{_count(database.n_parameters, 'parameter')} ({names})."
    )


def _count(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def unordered(texts: Iterable[str]) -> str:
    """Return a list of sentences as HTML.

    Parameters
    ----------
    texts : iterable of str
        Plain text.
    """
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "") -> str:
    """Return a table as HTML; cells are HTML already, numbers stand right.

    Parameters
    ----------
    caption : str
        Plain text.
    """
    columns = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        "<tr>" + f'<th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    words = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{words}<thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>'


def marker_svg(style: SetStyle) -> str:
    """Return a set's marker as a small inline SVG, as it looks in the pictures."""
    fill = style.color if style.filled else "none"
    return (
        f'<svg class="marker" viewBox="0 0 14 14" aria-hidden="true" fill="{fill}" stroke="{style.color}" '
        f'stroke-width="1.8">{style.shape}</svg>'
    )


def sets_key(database: "LandscapeDatabase") -> str:
    """Return the sets with their markers, as a legend.

    Returns
    -------
    str
        HTML.
    """
    styles = set_styles(minima_by_set(database))
    if len(styles) < 2:
        return ""
    return "".join(f"<span>{marker_svg(style)} {escape(name)}</span>" for name, style in styles.items())


def sets_section(database: "LandscapeDatabase") -> str:
    """Return the table of the sets: number, mean energies, weights, norms.

    Returns
    -------
    str
        HTML.
    """
    summaries = set_table(database)
    if not summaries:
        return "<p>This database has no minima yet.</p>"
    styles = set_styles(summary.name for summary in summaries)
    head = ["Set", "Minima"]
    head += [f"Mean {escape(surface_name(surface))}" for surface in database.surfaces]
    head += ["Mean weight", "Std of weights", "Mean |w|"]
    rows = [
        [
            f"{marker_svg(styles[summary.name])} {escape(summary.name)}",
            f"{summary.n:,}",
            *(_mean_and_spread(summary, surface) for surface in database.surfaces),
            number(summary.weight_mean),
            number(summary.weight_std),
            number(summary.norm),
        ]
        for summary in summaries
    ]
    return table(
        head, rows, caption="Means over the minima of each set; ± one standard deviation between minima."
    )


def _mean_and_spread(summary: Any, surface: str) -> str:
    spread = summary.energy_stds[surface]
    text = number(summary.energies[surface])
    return f"{text} ± {number(spread, 2)}" if summary.n > 1 else text


def made_section(database: "LandscapeDatabase") -> str:
    """Return how the database was made: study file, versions, seeds, settings.

    Returns
    -------
    str
        HTML.
    """
    attributes = database.attributes
    parts = [unordered(_origins(database))]
    study = attributes.get("study")
    if study:
        parts.append(f"<h3>The study file</h3><pre><code>{escape(study)}</code></pre>")
    for key, name in (("settings", "Settings of minimizers and finders"), ("landscape", "The landscape")):
        if attributes.get(key):
            text = json.dumps(attributes[key], indent=2, ensure_ascii=False)
            parts.append(
                f"<details><summary>{name}</summary><pre><code>{escape(text)}</code></pre></details>"
            )
    versions = attributes.get("versions")
    if isinstance(versions, dict) and versions:
        rows = [[escape(package), escape(version)] for package, version in sorted(versions.items())]
        parts.append(f"<details><summary>Versions</summary>{table(['Package', 'Version'], rows)}</details>")
    return "".join(parts)


def _origins(database: "LandscapeDatabase") -> list[str]:
    lines = []
    if database.path is not None:
        lines.append(f"Store: {database.path.name}, format {database.attributes.get('format_version', 1)}.")
    if database.attributes.get("created"):
        lines.append(f"Created {database.attributes['created']}; page by elsuite {__version__}.")
    seeds = (
        sorted({int(seed) for seed in database.runs["seed"].values.tolist() if seed >= 0})
        if database.n_runs
        else []
    )
    if seeds:
        shown = (
            ", ".join(map(str, seeds))
            if len(seeds) <= 8
            else f"{len(seeds):,} different ones from {seeds[0]} to {seeds[-1]}"
        )
        lines.append(f"Seeds of the runs: {shown}.")
    finders = (
        sorted({str(name) for name in database.paths["finder"].values.tolist()} - {""})
        if database.n_paths
        else []
    )
    if finders:
        lines.append(f"Path finders: {', '.join(finders)}.")
    return lines
