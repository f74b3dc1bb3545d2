"""Figures with their units, written the same way everywhere."""

import math


def format_value(value: float, unit: str = "", digits: int = 4) -> str:
    """Return a figure with its unit, if it has one.

    Args:
        value: The figure.
        unit: Its unit, empty if unknown.
        digits: Decimals.

    Example:
        >>> format_value(0.61234, "kW"), format_value(95.9097)
        ('0.6123 kW', '95.9097')
    """
    return f"{value:.{digits}f} {unit}".rstrip()


def add_unit(label: str, unit: str) -> str:
    """Return a label with its unit in brackets, if there is one.

    Example:
        >>> add_unit("RMSE", "kW"), add_unit("RMSE", "")
        ('RMSE (kW)', 'RMSE')
    """
    return f"{label} ({unit})" if unit else label


def format_skill(value: float | None) -> str:
    """Return a skill in words and per cent; None and NaN mean that the baseline has no error.

    Example:
        >>> format_skill(0.147), format_skill(None)
        ('skill +14.7 %', "no skill, as the baseline's error is 0")
    """
    if value is None or not math.isfinite(value):
        return "no skill, as the baseline's error is 0"
    return f"skill {100 * value:+.1f} %"
