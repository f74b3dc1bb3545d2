"""The original estimates of memory and time, to compare with computed and measured figures."""

import functools
import json
from pathlib import Path
from typing import Any

TOLERANCE = 0.15  # an estimate holds if it differs from our figure by at most this share


@functools.cache
def user_estimates() -> dict[str, Any]:
    """Return the content of ``users_estimates.json``, which names its source."""
    return json.loads(Path(__file__).with_name("users_estimates.json").read_text())


def verdict(estimate: float | None, figure: float | None) -> str:
    """Return whether an estimate holds; empty if either value is missing.

    Args:
        estimate: The original estimate, above 0.
        figure: The computed or measured value, in the same unit.

    Example:
        >>> verdict(31.0, 10.0)
        'too high, 3.1 x'
        >>> verdict(10.5, 10.0)
        'holds'
    """
    if not estimate or not figure:
        return ""
    ratio = estimate / figure
    if abs(ratio - 1) <= TOLERANCE:
        return "holds"
    word, factor = ("too high", ratio) if ratio > 1 else ("too low", 1 / ratio)
    return f"{word}, {factor:,.0f} x" if factor >= 10 else f"{word}, {factor:.1f} x"


def comparison(estimate: float | None, figure: float | None, note: str = "") -> dict[str, Any]:
    """Return a comparison as ``plan.json`` stores it."""
    return {"users": estimate, "ours": figure, "verdict": verdict(estimate, figure), "note": note}
