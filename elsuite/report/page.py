"""The page: a template filled with sections; everything is inside the one file."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import numpy as np
from plotly.offline import get_plotlyjs

from elsuite.analysis.options import FigureOptions
from elsuite.analysis.view import View
from elsuite.report.contrasts import Contrast, contrasts, contrasts_table
from elsuite.report.data import page_data
from elsuite.report.findings import findings
from elsuite.report.pictures import figures_section
from elsuite.report.sections import lead, made_section, sets_key, sets_section, table, title_of, unordered
from elsuite.report.text import escape, script_json

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase

__all__ = ["render_report", "write_report"]


def write_report(database: "LandscapeDatabase", out: str | Path) -> Path:
    """Write the page of a database: one HTML file that needs no network.

    Parameters
    ----------
    out : str or Path
        The file, by convention NAME.html; its folder is made if need be.

    Raises
    ------
    ValueError
        A place that cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from elsuite import LandscapeDatabase
    >>> database = LandscapeDatabase.create(None, n_parameters=0, surfaces=["energy"])
    >>> _ = database.add(
    ...     minima={"energy": [[0.0], [1.0]]}, paths={"source": [0], "target": [1], "height": [2.0]}
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_report(database, f"{folder}/page.html")
    ...     path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    True
    """
    path = Path(out)
    text = render_report(database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot write '{out}': {error.strerror or error}") from error
    return path


def render_report(database: "LandscapeDatabase") -> str:
    """Return the page of a database as HTML text."""
    views = [View(database, FigureOptions(surface=surface)) for surface in database.surfaces]
    views = [view for view in views if np.isfinite(view.every_energy[view.usable]).any()]
    found = contrasts(views)
    return Template(_file("page.html")).substitute(
        title=escape(title_of(database)),
        css=_file("page.css"),
        lead=escape(lead(database)),
        found=unordered(findings(database, views, found)) + _contrasts_section(found),
        sets=sets_section(database),
        figures=figures_section(views[0]) if views else "<p>There is nothing to draw yet.</p>",
        made=made_section(database),
        key=sets_key(database),
        data=script_json(page_data(views)),
        plotly=get_plotlyjs(),
        tree=_file("tree.js"),
        layers=_file("layers.js"),
        charts=_file("charts.js"),
        page=_file("page.js"),
    )


def _contrasts_section(found: Sequence[Contrast]) -> str:
    if not found:
        return ""
    head, rows = contrasts_table(found)
    caption = (
        "Intervals by bootstrap (of path heights over minima, as pairs share them); "
        "δ = P(A > B) \N{MINUS SIGN} P(A < B). Heights are upper bounds of barriers."
    )
    return f"<details><summary>The comparisons in numbers</summary>{table(head, rows, caption=caption)}</details>"


def _file(name: str) -> str:
    return resources.files("elsuite.report").joinpath(name).read_text(encoding="utf-8")
