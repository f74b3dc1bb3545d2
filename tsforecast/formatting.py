"""Format numbers, bytes, durations and names for people to read."""

import math
import numbers
from collections.abc import Sequence
from typing import TypeGuard

MISSING = "–"


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
        return MISSING
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


def duration(seconds: object) -> str:
    """Format seconds as ``0.031 s``, ``12.3 s``, ``3 min 51 s`` or ``2 h 5 min``; a dash if missing or not finite.

    Example:
        >>> duration(231.2)
        '3 min 51 s'
    """
    if not is_finite(seconds):
        return MISSING
    if seconds < 60:
        return f"{seconds:.3f} s" if 0 < seconds < 1 else f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def format_number(value: object) -> str:
    """Format a number with about four digits and thousands apart; a dash if missing or not finite, text as it is.

    Example:
        >>> format_number(0.61234), format_number(270273), format_number(None)
        ('0.6123', '270,273', '–')
    """
    if value is None or (is_number(value) and not math.isfinite(value)):
        return MISSING
    if not is_number(value):
        return str(value)
    if isinstance(value, numbers.Integral):
        return f"{int(value):,}"
    number = float(value)
    if number and not 1e-3 <= abs(number) < 1e7:
        return with_minus(f"{number:.3g}")
    digits = max(0, 3 - math.floor(math.log10(abs(number)))) if number else 0
    return with_minus(f"{number:,.{min(digits, 4)}f}")


def format_aligned(values: Sequence[object]) -> list[str]:
    """Format figures of one kind with the same number of decimals, which makes them easy to compare.

    Example:
        >>> format_aligned([0.61234, 1.25, None])
        ['0.6123', '1.2500', '–']
    """
    sizes = [abs(float(value)) for value in values if is_finite(value) and value]
    if not sizes or not 1e-5 <= max(sizes) < 1e7:
        return [format_number(value) for value in values]
    size = math.floor(math.log10(max(sizes)))
    digits = max(0, 4 - max(size, 0)) if size >= -2 else min(6, 3 - size)
    return [
        with_minus(f"{float(value):,.{digits}f}") if is_finite(value) else format_number(value)
        for value in values
    ]


def format_percent(share: object, digits: int = 1) -> str:
    """Format a signed share in per cent; a dash if missing or not finite.

    Example:
        >>> format_percent(0.1474), format_percent(-0.02), format_percent(float("nan"))
        ('+14.7', '−2.0', '–')
    """
    if not is_finite(share):
        return MISSING
    return with_minus(f"{100 * share:+.{digits}f}" if share else f"{0:.{digits}f}")


def format_signed(value: float, plus: bool = True) -> str:
    """Format a difference with four decimals and its sign.

    Example:
        >>> format_signed(0.01), format_signed(-0.01, plus=False)
        ('+0.0100', '−0.0100')
    """
    return with_minus(f"{value:+.4f}" if plus else f"{value:.4f}")


def with_minus(text: str) -> str:
    """Return a formatted number with the true minus sign, which is as wide as a plus."""
    return text.replace("-", "−")


def readable_name(name: str) -> str:
    """Turn a key into words.

    Example:
        >>> readable_name("seasonal_naive"), readable_name("params")
        ('Seasonal naive', 'Parameters')
    """
    words = "parameters" if name == "params" else str(name).replace("_", " ")
    return words[:1].upper() + words[1:]
