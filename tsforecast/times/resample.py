"""Irregular rows to steps of one length: each bin has the rows up to its end, by which it is dated."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from tsforecast.errors import UserError, nearest
from tsforecast.times.duplicates import aggregate, count_repeated, is_many
from tsforecast.times.frequency import Frequency
from tsforecast.times.order import order_notes, sort_rows
from tsforecast.times.time_grid import SECOND, TimeGrid

AGGREGATES = ("mean", "sum", "last", "max", "min")
ROUND_SECONDS = (1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800)
Aggregate = str | Mapping[str, str] | None


class Resampler:
    """Puts pieces of rows into the bins of a grid one after the other.

    A bin has the rows after the grid time before its own, up to and including its own, so that no value appears
    before it was measured. Missing values do not count; a bin without any is missing.

    Args:
        grid: Grid of the bins' ends, which is exact.
        how: How the rows of a bin become one, for each column.
        duplicates: How rows at one and the same time become one before that: ``last``, ``first``, ``mean`` or
            ``sum``; None for the last.
        codes: Columns of codes, of which the last counts where others have their mean or sum.

    Attributes:
        rows: Number of rows that had a time.
        repeated: Number of rows that repeat the time of another.

    Example:
        >>> from tsforecast.times.frequency import Frequency
        >>> time = np.array(["2024-01-01T00:00:01", "2024-01-01T00:14", "2024-01-01T00:15:01"], "datetime64[ns]")
        >>> bins = Resampler(TimeGrid.of_bins(Frequency.parse("15min")), ["mean"])
        >>> time, values = bins.add(time, np.array([[1.0], [2.0], [9.0]]))
        >>> time.astype("datetime64[m]").astype(str).tolist(), values.tolist()
        (['2024-01-01T00:15'], [[1.5]])
    """

    def __init__(
        self, grid: TimeGrid, how: Sequence[str], duplicates: str | None = None, codes: Sequence[int] = ()
    ):
        self.grid, self.how, self.duplicates, self.codes = grid, tuple(how), duplicates, codes
        self.rows = self.repeated = 0
        self._pending: tuple[np.ndarray, np.ndarray] | None = None  # the rows of the newest bin

    def add(self, time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take a piece and return the bins that no later piece can change.

        Args:
            time: ``[N]`` datetime64[ns], rising, without NaT.
            values: ``[N, C]``.

        Returns:
            Ends of bins ``[M]`` datetime64[ns], and values ``[M, C]``.

        Raises:
            UserError: The rows begin before the last bin of the piece before.
        """
        self.rows += len(time)
        if self._pending is not None:
            before, rows = self._pending
            if len(time) and time[0] < before[-1]:
                raise UserError(
                    f"The rows go back in time, to {time[0]} after {before[-1]}: sort them by time."
                )
            time, values = np.concatenate([before, time]), np.concatenate([rows, values])
        if not len(time):
            return time, values
        positions = self.grid.positions(time)
        newest = int(np.searchsorted(positions, positions[-1]))
        self._pending = time[newest:], values[newest:]
        return self._summarize(positions[:newest], time[:newest], values[:newest])

    def finish(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the last bin, or None if there was no row.

        Raises:
            UserError: Nothing was decided about rows at one time, and they are many.
        """
        pending, self._pending = self._pending, None
        if pending is None:
            return None
        last = self._summarize(self.grid.positions(pending[0]), *pending)
        if self.duplicates is None and is_many(self.repeated, self.rows):
            raise UserError(
                f"{self.repeated:,} of {self.rows:,} rows repeat the time of another: keep one row for each time."
            )
        return last

    def _summarize(
        self, positions: np.ndarray, time: np.ndarray, values: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        if not len(positions):
            return time, values
        self.repeated += count_repeated(time)[0]
        kept = np.append(np.diff(time) > np.timedelta64(0, "ns"), True)
        values = aggregate(time.astype(np.int64), values, self.duplicates, self.codes)[1]
        positions = positions[kept]
        starts = np.flatnonzero(np.append(True, np.diff(positions) > 0))
        out = reduce_bins(values, starts, self.how)
        return self.grid.times(positions[starts]).astype("datetime64[ns]"), out


def resample(
    time: np.ndarray, values: np.ndarray, resampler: Resampler
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return the bins of a whole table: their ends ``[M]`` datetime64[ns], values ``[M, C]``, and notes.

    Args:
        time: ``[N]`` datetime64[ns], in any order, NaT allowed.
        values: ``[N, C]``.
        resampler: A new one.

    Raises:
        UserError: Fewer than two rows have a time, or all are in one bin.
    """
    notes = order_notes(time)
    time, values = sort_rows(time, values)
    pieces = [resampler.add(time, values), resampler.finish()]
    times, rows = zip(*(piece for piece in pieces if piece is not None), strict=True)
    time, values = np.concatenate(times), np.concatenate(rows)
    step = resampler.grid.step.describe()
    if len(time) < 2:
        raise UserError(f"All rows are in one bin of {step}: state a shorter data.resample.")
    if resampler.repeated:
        kept = resampler.duplicates or "last"
        notes += (f"{resampler.repeated:,} rows repeat the time of another; the {kept} of each was taken.",)
    notes += (
        f"{resampler.rows:,} rows were summarized in {len(time):,} bins of {step}, dated by their end.",
    )
    return time, values, notes


def check_aggregate(how: Aggregate) -> None:
    """Refuse an unknown way to summarize the rows of a bin.

    Raises:
        UserError: Naming it.
    """
    for value in how.values() if isinstance(how, Mapping) else [how]:
        if value is not None and value not in AGGREGATES:
            raise UserError(
                f"data.aggregate is {value!r}: write {', '.join(AGGREGATES[:-1])} or {AGGREGATES[-1]}, or one of them"
                f" for each column, as in {{flow: sum}}.{nearest(str(value), AGGREGATES)}"
            )


def aggregate_of(names: Sequence[str], how: Aggregate, codes: Collection[str] = ()) -> list[str]:
    """Return how the rows of a bin become one for each column; the last of codes.

    Raises:
        UserError: A column that is named is not there.

    Example:
        >>> aggregate_of(["flow", "level", "valve"], {"flow": "sum"}, codes=["valve"])
        ['sum', 'mean', 'last']
    """
    if not isinstance(how, Mapping):
        return ["last" if name in codes else how or "mean" for name in names]
    for name in how:
        if name not in names:
            raise UserError(f"data.aggregate: there is no column '{name}'.{nearest(str(name), names)}")
    return ["last" if name in codes else how.get(name, "mean") for name in names]


def advise_resampling(step: str) -> str:
    """Return the options that resample, for messages."""
    return f"data.resample={step} data.aggregate=mean (or {', '.join(AGGREGATES[1:-1])} or {AGGREGATES[-1]})"


def advised_step(time: np.ndarray) -> str:
    """Return a round step that three quarters of the rows are at most apart, such as ``15min``.

    Args:
        time: ``[N]`` datetime64[ns], rising.
    """
    gaps = np.diff(time).astype(np.int64)
    usual = float(np.quantile(gaps[gaps > 0], 0.75)) / SECOND if (gaps > 0).any() else 1.0
    return str(Frequency(next((size for size in ROUND_SECONDS if size >= usual), ROUND_SECONDS[-1])))


def reduce_bins(values: np.ndarray, starts: np.ndarray, aggregates: Sequence[str]) -> np.ndarray:
    """Return one row for each bin ``[M, C]``, NaN where it has no value.

    Args:
        values: Rows ``[N, C]``.
        starts: First row ``[M]`` of each bin.
        aggregates: How the rows of a bin become one, for each column.

    Example:
        >>> reduce_bins(np.array([[1.0, 5.0], [2.0, 4.0], [3.0, 9.0]]), np.array([0, 2]), ["sum", "max"]).tolist()
        [[3.0, 5.0], [3.0, 9.0]]
    """
    out = np.empty((len(starts), values.shape[1]), values.dtype)
    for how in set(aggregates):
        columns = [index for index, name in enumerate(aggregates) if name == how]
        out[:, columns] = _reduce(values[:, columns], starts, how)
    return out


def _reduce(values: np.ndarray, starts: np.ndarray, how: str) -> np.ndarray:
    """Return one row for each bin ``[M, C]``, NaN where it has no value."""
    known = ~np.isnan(values)
    if how in ("max", "min"):
        extreme: np.ndarray = (np.fmax if how == "max" else np.fmin).reduceat(values, starts, axis=0)
        return extreme
    if how == "last":
        rows = np.where(known, np.arange(len(values))[:, None], -1)
        last = np.maximum.reduceat(rows, starts, axis=0)
        return np.where(last >= 0, np.take_along_axis(values, np.maximum(last, 0), axis=0), np.nan)
    counts = np.add.reduceat(known.astype(np.int64), starts, axis=0)
    totals = np.add.reduceat(np.where(known, values, 0.0), starts, axis=0)
    return np.where(counts > 0, totals / (np.maximum(counts, 1) if how == "mean" else 1), np.nan)
