"""Times of a fixed number of digits, read from the bytes of a column: several times as fast as value by value."""

import re
from functools import cache

import numpy as np
import pyarrow as pa

WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
LIMITS = {"Y": (1700, 2199), "m": (1, 12), "d": (1, 31), "H": (0, 23), "M": (0, 59), "S": (0, 59)}
SECONDS = {"H": 3600, "M": 60, "S": 1}


def read_fixed_width(text: pa.ChunkedArray, pattern: str) -> np.ndarray | None:
    """Return the times datetime64[ns] ``[N]`` of text, or None if a value is missing or is written in another way.

    Args:
        text: Text as it stands in the file.
        pattern: A pattern for ``strptime``.

    Example:
        >>> read_fixed_width(pa.chunked_array([["31.01.2024 13:45"]]), "%d.%m.%Y %H:%M").astype("datetime64[m]")
        array(['2024-01-31T13:45'], dtype='datetime64[m]')
        >>> read_fixed_width(pa.chunked_array([["31.01.2024 24:00"]]), "%d.%m.%Y %H:%M") is None
        True
    """
    parts = _parts(pattern)
    if parts is None or not len(text) or text.null_count or not pa.types.is_string(text.type):
        return None
    width = sum(len(part) if literal else WIDTHS[part] for part, literal in parts)
    pieces = []
    for chunk in text.chunks:
        rows = _bytes(chunk, width)
        time = None if rows is None else _read_rows(rows, parts)
        if time is None:
            return None
        pieces.append(time)
    return np.concatenate(pieces)


@cache
def _parts(pattern: str) -> tuple[tuple[str, bool], ...] | None:
    """Return the directives and the literals of a pattern, or None if one has no fixed width or the date lacks."""
    pieces = re.findall(r"%(.)|([^%]+)", pattern)
    directives = [directive for directive, _ in pieces if directive]
    if not {"Y", "m", "d"} <= set(directives) <= set(WIDTHS) or len(set(directives)) < len(directives):
        return None
    return tuple((literal or directive, bool(literal)) for directive, literal in pieces)


def _bytes(chunk: pa.Array, width: int) -> np.ndarray | None:
    """Return the bytes ``[n, width]`` of text, or None if a value has another length."""
    offsets = np.frombuffer(chunk.buffers()[1], np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    if not len(chunk) or offsets[-1] - offsets[0] != width * len(chunk) or (np.diff(offsets) != width).any():
        return None if len(chunk) else np.empty((0, width), np.uint8)
    content = np.frombuffer(chunk.buffers()[2], np.uint8)
    return content[offsets[0] : offsets[-1]].reshape(-1, width)


def _read_rows(rows: np.ndarray, parts: tuple[tuple[str, bool], ...]) -> np.ndarray | None:
    """Return the times datetime64[ns] ``[n]`` of bytes, or None if one does not fit."""
    values, start = {}, 0
    for part, is_literal in parts:
        if is_literal:
            expected = np.frombuffer(part.encode(), np.uint8)
            if any((rows[:, start + index] != byte).any() for index, byte in enumerate(expected)):
                return None
            start += len(expected)
            continue
        number = _number(rows[:, start : start + WIDTHS[part]])
        low, high = LIMITS[part]
        if number is None or (len(number) and (number.min() < low or number.max() > high)):
            return None
        values[part] = number
        start += WIDTHS[part]
    days = _days(values["Y"], values["m"], values["d"])
    if days is None:
        return None
    seconds = days * 86_400
    for part, unit in SECONDS.items():
        if part in values:
            seconds += values[part].astype(np.int64) * unit
    return seconds.astype("datetime64[s]").astype("datetime64[ns]")


def _number(digits: np.ndarray) -> np.ndarray | None:
    """Return the numbers int32 ``[n]`` of digits ``[n, width]``, or None if a byte is not a digit."""
    total = np.zeros(len(digits), np.int32)
    for index in range(digits.shape[1]):
        digit = digits[:, index] - np.uint8(48)  # wraps around below 0
        if (digit > 9).any():
            return None
        total *= 10
        total += digit
    return total


def _days(year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray | None:
    """Return days since 1970 int64 ``[n]``, or None if a date does not exist; each run of one date is read once."""
    code = (year * 16 + month) * 32 + day
    first = np.flatnonzero(np.append(True, code[1:] != code[:-1])) if len(code) else np.empty(0, np.int64)
    months = ((year[first].astype(np.int64) - 1970) * 12 + month[first] - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day[first].astype(np.int64) - 1)
    if (days.astype("datetime64[M]") != months).any():
        return None
    return np.repeat(days.astype(np.int64), np.diff(np.append(first, len(code))))
