"""The page: values of a database in a template; everything is inside the one file."""

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from elsuite.analysis import minima_by_set
from elsuite.analysis.options import FigureOptions
from elsuite.analysis.view import View
from elsuite.plotting.markers import set_styles
from elsuite.plotting.saving import write_file
from elsuite.report.contrasts import contrasts, contrasts_table
from elsuite.report.data import page_data
from elsuite.report.findings import findings
from elsuite.report.pictures import pictures
from elsuite.report.sections import lead, origins, sets_table, title_of
from elsuite.report.text import script_json

if TYPE_CHECKING:
    from elsuite.database import LandscapeDatabase


MOST_ON_PAGE = 8_000
"""Of more minima the page has no map of the parameters: it takes 8 n^2 bytes of memory, 0.5 GB for so many."""


def write_report(database: "LandscapeDatabase", out: str | Path) -> Path:
    """Write the page of a database, by convention NAME.html: one file that needs no network.

    Its folder is made if need be; a place that cannot be written raises ValueError.

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
    return write_file(out, render_report(database).encode())


def render_report(database: "LandscapeDatabase") -> str:
    """Return the page of a database as HTML text; what is not marked as HTML, CSS or a script is escaped."""
    views = [View(database, FigureOptions(surface=surface), MOST_ON_PAGE) for surface in database.surfaces]
    views = [view for view in views if np.isfinite(view.every_energy[view.usable]).any()]
    found = contrasts(views)
    places = PackageLoader("elsuite.report")
    page = Environment(
        loader=places, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).get_template("page.html")
    return page.render(
        title=title_of(database),
        css=_file("page.css"),
        lead=lead(database),
        styles=set_styles(minima_by_set(database)),
        found=findings(database, views, found),
        contrasts=contrasts_table(found),
        sets=sets_table(database),
        figures=pictures(views[0]) if views else [],
        made=origins(database),
        data=Markup(script_json(page_data(views))),
        plotly=Markup(get_plotlyjs()),
        scripts=[_file(name) for name in ("tree.js", "layers.js", "charts.js", "page.js")],
    )


def _file(name: str) -> Markup:
    return Markup(resources.files("elsuite.report").joinpath(name).read_text(encoding="utf-8"))
