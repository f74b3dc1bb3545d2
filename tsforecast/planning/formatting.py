"""Bytes for reading."""


def size(number: float | None) -> str:
    """Bytes in decimal units: ``153.6 KB``, ``24.0 GB``; a dash for none."""
    if number is None:
        return "–"
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if abs(number) >= least:
            return f"{number / least:,.1f} {unit}"
    return f"{number:,.0f} B"


def short(number: float) -> str:
    """Bytes to three digits, for narrow columns: ``154 KB``, ``61.0 MB``."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if number >= least:
            scaled = number / least
            return f"{scaled:,.0f} {unit}" if scaled >= 100 else f"{scaled:.1f} {unit}"
    return f"{number:,.0f} B"
