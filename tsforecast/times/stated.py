"""``data.time_format``: how the times of the named columns are written, if that is stated and not to be found."""

import re
from collections.abc import Sequence

from tsforecast.errors import UserError, nearest
from tsforecast.times.formats import WORDS
from tsforecast.times.frequency import parse_frequency
from tsforecast.times.text import COMPACT, MOMENTS

KEY = "data.time_format"
STEPS = "step"  # the word for whole numbers that count steps
# What other programs write, and what the patterns here have for it.
SAME = (
    (r"%[-_#]", "%"),
    ("%F", "%Y-%m-%d"),
    ("%T", "%H:%M:%S"),
    ("%R", "%H:%M"),
    ("%B|%h", "%b"),
    ("%e", "%d"),
    ("%k", "%H"),
    ("%l", "%I"),
    (r"^%[aA]\.?,?\s+", ""),
    (r"\s*%[zZ]$", ""),
    (r"%S[.,]%f", "%S"),
)
KNOWN = "YymdbjHIMSpqGVu"


def check_time_format(stated: object, names: Sequence[str]) -> tuple[str, str]:
    """Return the patterns of the date and, for a column of its own, the clock; empty if they are to be found.

    Args:
        stated: A pattern, one for the date and one for the clock, or None.
        names: The time columns that are named.

    Raises:
        UserError: A pattern is not known, or there are not as many as columns.

    Example:
        >>> check_time_format("%Y-%d-%m %H:%M:%S.%f", ["time"])
        ('%Y-%d-%m %H:%M:%S', '')
    """
    if stated is None:
        return "", ""
    patterns = [stated] if isinstance(stated, str) else list(stated) if isinstance(stated, Sequence) else []
    if not patterns or len(patterns) > 2 or not all(isinstance(pattern, str) for pattern in patterns):
        raise UserError(
            f"{KEY} is {stated!r}: write a pattern such as %d.%m.%Y, or one for date and one for clock."
        )
    if not names:
        raise UserError(f"{KEY} needs the name of its column: add data.time=COLUMN.")
    if len(names) not in (len(patterns), 2 * len(patterns)) or len(names) > 2:
        raise UserError(
            f"{KEY} has {len(patterns)} patterns for {len(names)} columns of data.time: write one pattern for one"
            " column, or one or two for a date and a clock."
        )
    return (_check(patterns[0], "YyG"), _check(patterns[1], "HI") if len(patterns) == 2 else "")


def step_pattern(frequency: str | int | None) -> str:
    """Return the pattern of times that number steps, which are dated from 1970 on.

    Args:
        frequency: ``data.frequency``, the step; it must be of equal length.

    Raises:
        UserError: It is not stated, or a step of the calendar.

    Example:
        >>> step_pattern("1h")
        'step_3600'
    """
    step = parse_frequency(frequency)
    if step is None or step.is_calendar:
        raise UserError(
            f"{KEY}=step numbers steps without a clock and needs their length: add data.frequency, such as 1h."
        )
    return f"{STEPS}_{step.seconds}"


def _check(pattern: str, needed: str) -> str:
    """Return a pattern as it is read, which must have one of some directives unless it is a word."""
    if pattern in WORDS or pattern == STEPS:
        return pattern
    plain = pattern
    for other, same in SAME:
        plain = re.sub(other, same, plain)
    directives = re.findall("%(.?)", plain)
    unknown = next((directive for directive in directives if directive not in KNOWN or not directive), None)
    if unknown is not None:
        raise UserError(f"{KEY}: {pattern!r} has '%{unknown}', which is not one of %{', %'.join(KNOWN)}.")
    if not set(directives) & set(needed) or len(set(directives)) < len(directives):
        raise UserError(
            f"{KEY}: {pattern!r} needs each of its parts once, among them %{' or %'.join(needed)}: write it as"
            f" %d.%m.%Y %H:%M for 31.01.2024 13:45, or one of {', '.join(WORDS)}, {STEPS}.{nearest(pattern, WORDS)}"
        )
    return plain


def needs_text(pattern: str) -> bool:
    """Return whether values must be read as text, since as dates or numbers they would be taken for others."""
    return "%" in pattern and pattern not in (*MOMENTS, *COMPACT, "%Y")
