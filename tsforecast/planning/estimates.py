"""The users' own estimates, to stand beside what is computed; one data file holds them with their source."""

import functools
import json
from pathlib import Path
from typing import Any

TOLERANCE = 0.15  # an estimate within this share of ours holds


@functools.cache
def users() -> dict[str, Any]:
    """The users' figures as ``users_estimates.json`` holds them."""
    return json.loads(Path(__file__).with_name("users_estimates.json").read_text())


def verdict(theirs: float | None, ours: float | None) -> str:
    """Whether an estimate holds: ``holds``, ``too high, 3.1 x``, ``too low, 2.0 x``; empty where one is missing.

    Args:
        theirs: the estimate, above 0.
        ours: what was computed or measured, in the same unit.
    """
    if not theirs or not ours:
        return ""
    ratio = theirs / ours
    if abs(ratio - 1) <= TOLERANCE:
        return "holds"
    word, factor = ("too high", ratio) if ratio > 1 else ("too low", 1 / ratio)
    return f"{word}, {factor:,.0f} x" if factor >= 10 else f"{word}, {factor:.1f} x"


def row(theirs: float | None, ours: float | None, note: str = "") -> dict[str, Any]:
    """A comparison as ``plan.json`` holds it."""
    return {"users": theirs, "ours": ours, "verdict": verdict(theirs, ours), "note": note}
