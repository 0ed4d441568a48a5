"""Figures to files: PNG, SVG or PDF, the same bytes each time."""

import io
import warnings
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from elsuite.plotting.style import letters_without_glyphs, paper_style

# No date and no version of a library: the same figure gives the same bytes.
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": "elsuite"},
    "svg": {"Date": None, "Creator": "elsuite"},
    "pdf": {"CreationDate": None, "Creator": "elsuite"},
}


def check_format(out: str | Path) -> str:
    """Return the format that the ending of `out` names.

    Raises
    ------
    ValueError
        Any other ending than .png, .svg and .pdf.

    Examples
    --------
    >>> check_format("tree.SVG")
    'svg'
    """
    ending = Path(out).suffix.lower().removeprefix(".")
    if ending not in METADATA:
        raise ValueError(f"no format for '{out}': the name must end with .png, .svg or .pdf")
    return ending


def figure_bytes(figure: Figure, ending: str, *, dpi: float = 300) -> bytes:
    """Return a figure as the bytes of a file, "png" of `dpi` dots an inch, "svg" or "pdf"."""
    buffer = io.BytesIO()
    with paper_style(), letters_without_glyphs() as missing:
        figure.savefig(buffer, format=ending, dpi=dpi, metadata=METADATA[ending])
    if missing and ending != "svg":
        some = "".join(sorted(missing)[:8]) + ("..." if len(missing) > 8 else "")
        # SVG keeps text as text: whether there is a font for it is the reader's affair.
        warnings.warn(f"no font of matplotlib has the letters {some}: boxes stand for them", stacklevel=2)
    return buffer.getvalue()


def save_figure(figure: Figure, out: str | Path) -> Path:
    """Write a figure in the format that the ending of `out` names; its folder is made if need be.

    PNG has 300 dots an inch. SVG and PDF keep text as text and carry no date, so that the same figure gives the
    same bytes.

    Raises
    ------
    ValueError
        Another ending, or a place that cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from elsuite.plotting import plot_heights
    >>> ax = plot_heights({"sgd/train": [1.0, 1.2, 1.1]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_figure(ax.figure, f"{folder}/heights.svg")
    ...     path.name, path.read_text().count("<svg")
    ('heights.svg', 1)
    """
    return write_file(out, figure_bytes(figure, check_format(out)))


def write_file(out: str | Path, data: bytes) -> Path:
    """Write a file into a folder that is made if need be; raises ValueError where that is not possible."""
    path = Path(out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise ValueError(f"cannot write '{out}': {error.strerror or error}") from error
    return path
