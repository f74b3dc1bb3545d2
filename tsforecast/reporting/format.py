"""Numbers, times, sections and tables as HTML. Whatever comes from a user or a file passes through `text`."""

import html
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

from tsforecast.formatting import is_number


def readable(name: str) -> str:
    """Returns ``seasonal_naive`` as ``Seasonal naive`` and ``params`` as ``Parameters``."""
    words = "parameters" if name == "params" else str(name).replace("_", " ")
    return words[:1].upper() + words[1:]


def text(value: Any) -> str:
    """Returns a value as escaped text."""
    return html.escape(str(value), quote=True)


def figure(value: Any) -> str:
    """Returns a number for reading: about four digits, thousands apart, a dash if missing or not finite."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return "–" if value is None else text(value)
    if not math.isfinite(value):
        return "–"
    if isinstance(value, numbers.Integral):
        return f"{int(value):,}"
    value = float(value)
    if value and not 1e-3 <= abs(value) < 1e7:
        return f"{value:.3g}".replace("-", "−")
    digits = max(0, 3 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{min(digits, 4)}f}".replace("-", "−")


def row_figures(values: Sequence[Any]) -> list[str]:
    """Returns the figures of one metric with the same number of decimals, so that they can be compared."""
    sizes = [abs(float(value)) for value in values if is_number(value) and math.isfinite(value) and value]
    if not sizes or not 1e-5 <= max(sizes) < 1e7:
        return [figure(value) for value in values]
    size = math.floor(math.log10(max(sizes)))
    digits = max(0, 4 - max(size, 0)) if size >= -1 else min(6, 3 - size)
    return [
        f"{float(value):,.{digits}f}".replace("-", "−")
        if is_number(value) and math.isfinite(value)
        else figure(value)
        for value in values
    ]


def section(heading: str, body: str, note: str = "") -> str:
    """Returns a section; ``body`` is HTML, heading and note are plain text."""
    below = f'<p class="note">{text(note)}</p>' if note else ""
    return f"<section>\n<h2>{text(heading)}</h2>\n{below}{body}\n</section>"


def table(rows: Sequence[Mapping[str, Any]], *, foot: str = "") -> str:
    """Returns a table with a column for each key of the first row; columns of numbers align right."""
    keys = list(rows[0])
    numeric = {key for key in keys if all(is_number(row.get(key)) or row.get(key) is None for row in rows)}
    css = {key: ' class="n"' if key in numeric else "" for key in keys}
    head = "".join(f"<th{css[key]}>{text(readable(key))}</th>" for key in keys)
    body = "\n".join(
        "<tr>" + "".join(f"<td{css[key]}>{figure(row.get(key))}</td>" for key in keys) + "</tr>"
        for row in rows
    )
    inside = f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>{foot}"
    return f'<div class="scroll"><table>{inside}</table></div>'
