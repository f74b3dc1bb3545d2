"""From timestamps as they come to a regular grid: sorted, one row a step, NaN rows where a step is missing."""

import re

import numpy as np

from tsforecast.errors import UserError

SECOND = 1_000_000_000
UNITS = {"s": 1, "sec": 1, "min": 60, "t": 60, "h": 3600, "d": 86_400, "w": 604_800}
TOLERANCE = 0.1  # of a step: a timestamp this near to a grid time counts as on it
MAX_OFF_GRID = 0.2  # share of rows off the grid from which on an inferred step is no step
MAX_GROWTH = 20  # times the rows that the regular grid may have


def parse_frequency(frequency: str | int | None) -> int | None:
    """Returns the seconds of a step written as ``15min``, ``1h``, ``30s``, ``1d``, ``1w`` or whole seconds.

    Raises:
        UserError: when it reads as none of these.
    """
    if frequency is None:
        return None
    match = re.fullmatch(r"(\d*)\s*([a-z]*)", str(frequency).strip().lower())
    count, unit = match.groups() if match else ("", "")
    seconds = int(count or 1) * UNITS.get(unit or "s", 0) if count or unit else 0
    if isinstance(frequency, bool) or seconds < 1:
        raise UserError(f"data.frequency is {frequency!r}: write it as 15min, 1h, 30s or 1d.")
    return seconds


def regularize(
    time: np.ndarray, values: np.ndarray, frequency: int | None = None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Puts rows on a regular grid.

    The rules: rows without a time are left out; rows are sorted by time; the step is the commonest one
    unless given; a timestamp within a tenth of a step of a grid time counts as on it, any other belongs to
    the next grid time, so that no reading appears before it was made; of several rows at one grid time the
    last is kept (of equal timestamps: the last in the file); grid times without a row become NaN rows.

    Args:
        time: ``[N]`` datetime64[ns], in any order, NaT allowed.
        values: ``[N, C]`` float64.
        frequency: the step in seconds; None for the commonest one.

    Returns:
        Times ``[M]`` datetime64[s], values ``[M, C]`` and a note for each thing mended.

    Raises:
        UserError: when fewer than two times are left, steps are under a second, the timestamps follow no
            step, or the grid would have more than 20 times the rows.
    """
    notes: list[str] = []
    time, values = _sorted(time, values, notes)
    seconds = _seconds(time)
    if seconds[0] == seconds[-1]:
        raise UserError(f"All rows have one and the same time, {time[0]}: a series needs at least two.")
    step = frequency or _commonest(np.diff(seconds))
    phase = _commonest(seconds % step, positive=False)
    position = -(-(10 * (seconds - phase) - step) // (10 * step))  # ceil(x - 0.1), in whole numbers
    _check_grid(time, seconds - phase, position, step, inferred=frequency is None)
    off = int((seconds - phase != position * step).sum())
    if off:
        notes.append(
            f"{off:,} timestamps lay between the steps of {describe(step)} and were moved onto them."
        )
    position, values = _last_of_each(position, values, notes)
    index = position - position[0]
    size = int(index[-1]) + 1
    grid = np.datetime64(int(phase + position[0] * step), "s") + np.arange(size) * np.timedelta64(step, "s")
    if size == len(index):
        return grid, values, tuple(notes)
    missing = size - len(index)
    notes.append(f"{missing:,} of {size:,} timestamps were missing; their rows count as unobserved.")
    full = np.full((size, values.shape[1]), np.nan, values.dtype)
    full[index] = values
    return grid, full, tuple(notes)


def describe(step: int) -> str:
    """Returns a step in seconds as ``15 min``, ``1 h`` and the like."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if step % size == 0:
            return f"{step // size} {unit}"
    return f"{step} s"


def _sorted(time: np.ndarray, values: np.ndarray, notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnat(time)
    if not known.all():
        notes.append(f"{int((~known).sum()):,} rows without a time were left out.")
        time, values = time[known], values[known]
    if len(time) < 2:
        raise UserError("Fewer than two rows have a time: a series needs at least two.")
    backwards = int((np.diff(time) < np.timedelta64(0, "ns")).sum())
    if backwards:
        notes.append(f"The rows were not in order of time ({backwards:,} steps back) and were sorted.")
        order = np.argsort(time, kind="stable")
        time, values = time[order], values[order]
    return time, values


def _seconds(time: np.ndarray) -> np.ndarray:
    """Returns whole seconds since 1970, rounded up, so that no reading appears before it was made."""
    steps = np.diff(time).astype(np.int64)
    if np.median(steps[steps > 0] if (steps > 0).any() else [SECOND]) < SECOND:
        raise UserError(
            "The rows are less than a second apart, which is not supported: resample them to seconds."
        )
    return -(-time.astype(np.int64) // SECOND)


def _commonest(numbers: np.ndarray, positive: bool = True) -> int:
    found, count = np.unique(numbers[numbers > 0] if positive else numbers, return_counts=True)
    return int(found[count.argmax()])


def _last_of_each(
    position: np.ndarray, values: np.ndarray, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    last = np.append(position[1:] != position[:-1], True)
    if last.all():
        return position, values
    notes.append(
        f"{int((~last).sum()):,} rows shared their step with a later one; the last of each was kept."
    )
    return position[last], values[last]


def _check_grid(
    time: np.ndarray, offset: np.ndarray, position: np.ndarray, step: int, inferred: bool
) -> None:
    # On the grid means within the tolerance on either side; what lies further off was moved up.
    off = np.abs(offset - position * step) > TOLERANCE * step
    if inferred and off.mean() > MAX_OFF_GRID:
        raise UserError(
            f"The timestamps are irregular: the commonest step is {describe(step)}, but {off.mean():.0%} of the rows"
            f" lie off its grid (first: {time[off.argmax()]}): resample them, or state the step with data.frequency."
        )
    size = int(position[-1] - position[0]) + 1
    if size > MAX_GROWTH * len(time):
        gap = int(np.diff(position).argmax())
        raise UserError(
            f"The timestamps are irregular: steps of {describe(step)} from {time[0]} to {time[-1]} would make"
            f" {size:,} rows out of {len(time):,} (longest gap: {time[gap]} to {time[gap + 1]}): mend the"
            " timestamps, or state a longer step with data.frequency."
        )
