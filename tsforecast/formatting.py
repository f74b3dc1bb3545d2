"""Format numbers, names and durations for people to read."""

import math
import numbers
from typing import TypeGuard


def duration(seconds: object) -> str:
    """Format seconds as ``0.031 s``, ``12.3 s``, ``3 min 51 s`` or ``2 h 5 min``; a dash if missing or not finite.

    Example:
        >>> duration(231.2)
        '3 min 51 s'
    """
    if not is_number(seconds) or not math.isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.3f} s" if 0 < seconds < 1 else f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a real number; True and False are not."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def is_finite(value: object) -> TypeGuard[float]:
    """Return whether a value is a real number other than NaN and the infinities."""
    return is_number(value) and math.isfinite(value)


def size(number: float | None) -> str:
    """Format bytes in decimal units; a dash for None.

    Example:
        >>> size(153_600)
        '153.6 KB'
    """
    if number is None:
        return "–"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if abs(number) >= factor:
            return f"{number / factor:,.1f} {unit}"
    return f"{number:,.0f} B"


def short_size(number: float) -> str:
    """Format bytes with at most three digits, for narrow columns.

    Example:
        >>> short_size(153_600)
        '154 KB'
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if number >= factor:
            scaled = number / factor
            return f"{scaled:,.0f} {unit}" if scaled >= 100 else f"{scaled:.1f} {unit}"
    return f"{number:,.0f} B"
