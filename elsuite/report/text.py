"""Text and numbers for a page: short, with units."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elsuite.core.representing import as_json


@dataclass(frozen=True)
class Table:
    """A table of the page: texts, of which the first in each row names it."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


def script_json(value: Any) -> str:
    r"""Return JSON that is safe inside a script element: no text in it can end the element or open another.

    Numbers that are not finite become null.

    Examples
    --------
    >>> script_json({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(as_json(value), separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def number(value: float, digits: int = 3) -> str:
    """Return a number with few digits, with a true minus and a power of ten as people write it.

    Examples
    --------
    >>> number(0.012345), number(-1.5e-7), number(float("nan"))
    ('0.0123', '−1.5 × 10⁻⁷', '–')
    """
    if not math.isfinite(value):
        return "\N{EN DASH}" if math.isnan(value) else "\N{MINUS SIGN}" * (value < 0) + "\N{INFINITY}"
    text = f"{value:.{digits}g}"
    mantissa, _, exponent = text.partition("e")
    mantissa = mantissa.replace("-", "\N{MINUS SIGN}")
    if not exponent:
        return mantissa
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} \N{MULTIPLICATION SIGN} 10{raised}"
