"""The step from one row to the next."""

import re

from tsforecast.errors import UserError

UNITS = {"s": 1, "sec": 1, "min": 60, "t": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_frequency(frequency: str | int | None) -> int | None:
    """Return the seconds of a step written as ``15min``, ``1h``, ``30s``, ``1d``, ``1w`` or whole seconds.

    Raises:
        UserError: It reads as none of these.
    """
    if frequency is None:
        return None
    match = re.fullmatch(r"(\d*)\s*([a-z]*)", str(frequency).strip().lower())
    count, unit = match.groups() if match else ("", "")
    seconds = int(count or 1) * UNITS.get(unit or "s", 0) if count or unit else 0
    if isinstance(frequency, bool) or seconds < 1:
        raise UserError(f"data.frequency is {frequency!r}: write it as 15min, 1h, 30s or 1d.")
    return seconds


def describe(step: int) -> str:
    """Return a step in seconds as ``15 min``, ``1 h`` so on."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if step % size == 0:
            return f"{step // size} {unit}"
    return f"{step} s"
