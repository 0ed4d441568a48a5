"""Figures to files: PNG, SVG or PDF, the same bytes each time."""

from pathlib import Path

from matplotlib.figure import Figure

from elsuite.plotting.style import paper_style

__all__ = ["FORMATS", "check_format", "save_figure"]

FORMATS = ("png", "svg", "pdf")


def check_format(out: str | Path) -> str:
    """Return the format that the ending of `out` names.

    Parameters
    ----------
    out : str or Path

    Returns
    -------
    str

    Raises
    ------
    ValueError
        Any other ending than .png, .svg and .pdf.
    """
    ending = Path(out).suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise ValueError(f"no format for '{out}': the name must end with .png, .svg or .pdf")
    return ending


def save_figure(figure: Figure, out: str | Path) -> Path:
    """Write a figure in the format that the ending of `out` names; its folder is made if need be.

    PNG has 300 dots an inch. SVG and PDF keep text as text and carry no date, so that the same figure gives the
    same bytes.

    Parameters
    ----------
    figure : Figure
    out : str or Path
        Ends with .png, .svg or .pdf.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        Another ending, or a place that cannot be written.
    """
    path = Path(out)
    ending = check_format(path)
    metadata = {"png": {"Software": "elsuite"}, "svg": {"Date": None, "Creator": "elsuite"}, "pdf": {"CreationDate": None}}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with paper_style():
            figure.savefig(path, format=ending, dpi=300, metadata=metadata[ending])
    except OSError as error:
        raise ValueError(f"cannot write '{out}': {error.strerror or error}") from error
    return path
