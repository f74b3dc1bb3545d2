"""Bars in a table, in HTML and CSS alone: a label, a bar, its figure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tsforecast.formatting import is_number
from tsforecast.reporting.format import row_figures, section, text


def bars_section(heading: str, note: str, bars: Sequence[Mapping[str, Any]]) -> str:
    """Returns a section with a bar a row, or nothing without rows.

    Args:
        heading: of the section.
        note: a sentence below it.
        bars: each with ``label`` and ``value``, and where known ``spread`` (a whisker to both sides, and after the
            figure) and ``beside`` (a mark to compare with, such as a baseline). All bars start at 0 and share one
            scale; a negative or missing value has no bar, and its figure says so.
    """
    if not bars:
        return ""
    reach = max((_number(bar, "value") + _number(bar, "spread") for bar in bars), default=0.0)
    reach = max(reach, *(_number(bar, "beside") for bar in bars)) or 1.0
    values = row_figures([bar.get("value") for bar in bars])
    spreads = _alike([bar.get("spread") for bar in bars], values)
    rows = "".join(
        f'<tr><th scope="row">{text(bar["label"])}</th>{_track(bar, reach)}<td class="n">{value}{spread}</td></tr>'
        for bar, value, spread in zip(bars, values, spreads, strict=True)
    )
    return section(
        heading, f'<div class="scroll"><table class="bars"><tbody>{rows}</tbody></table></div>', note
    )


def _track(bar: Mapping[str, Any], reach: float) -> str:
    value, spread, beside = (_number(bar, key) for key in ("value", "spread", "beside"))
    marks = f'<div class="fill" style="width:{_share(value, reach)}"></div>'
    if spread > 0:
        low, high = max(value - spread, 0.0), max(value + spread, 0.0)
        marks += (
            f'<div class="whisker" style="left:{_share(low, reach)};width:{_share(high - low, reach)}"></div>'
        )
    if beside > 0:
        marks += f'<div class="mark" style="left:{_share(beside, reach)}"></div>'
    return f'<td class="track" aria-hidden="true"><div>{marks}</div></td>'


def _number(bar: Mapping[str, Any], key: str) -> float:
    value = bar.get(key)
    return float(value) if value is not None and is_number(value) and math.isfinite(value) else 0.0


def _share(value: float, reach: float) -> str:
    return f"{100 * min(max(value, 0.0), reach) / reach:.2f}%"


def _alike(spreads: Sequence[Any], values: Sequence[str]) -> list[str]:
    """The spreads with as many decimals as the figures they stand behind."""
    digits = max((len(value.partition(".")[2]) for value in values if value[-1].isdigit()), default=0)
    return [
        f" <small>± {float(spread):.{digits}f}</small>" if is_number(spread) and math.isfinite(spread) else ""
        for spread in spreads
    ]
