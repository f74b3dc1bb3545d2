"""Context: causal summaries of what precedes a row, beyond the reach of a window, as further channels of the inputs.

A summary of row t depends on the values of rows t - ``history`` to t alone, whatever precedes them, and sums are of
whole numbers, which no order of adding them changes. So the same rows give the same bits in training, in files that are
read in pieces, and in requests to the service.

Example:
    >>> events = Events(channels=(0,), features=("power",), spans=(4,), labels=("4h",), thresholds=(0.5,))
    >>> events.names
    ('power@past.since_on', 'power@past.since_off', 'power@past.on_4h')
    >>> rows = np.array([[0.0], [1.0], [1.0], [0.0]], np.float32)
    >>> np.expm1(events.compute(rows) * np.log1p(4)).round().astype(int).tolist()  # 4: not within the last 4 rows
    [[4, 4, 0], [0, 4, 1], [1, 4, 1], [2, 0, 1]]
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

CONTEXT = "@past."  # within the name of a channel: what follows is a summary of the feature before it
RESOLUTION = 2.0**-20  # to which values are rounded for means, in units of their scale
LARGEST = 2.0**20  # up to which they are counted


@dataclass(frozen=True, kw_only=True)
class Context(ABC):
    """Summaries of some features, fitted on the training rows and stored with a model.

    Args:
        channels: Columns of the features.
        features: Their names.
        spans: Numbers of rows to summarize, rising.
        labels: The spans as durations, for names.
    """

    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type[Context]]] = {}

    channels: tuple[int, ...]
    features: tuple[str, ...]
    spans: tuple[int, ...]
    labels: tuple[str, ...]

    def __init_subclass__(cls) -> None:
        Context.kinds[cls.kind] = cls

    @property
    @abstractmethod
    def history(self) -> int:
        """Rows before a row that its summaries depend on."""

    @abstractmethod
    def summaries(self, position: int) -> tuple[str, ...]:
        """Return the names of the summaries of one feature."""

    @abstractmethod
    def summarize(self, position: int, values: np.ndarray) -> list[np.ndarray]:
        """Return the summaries ``[N]`` of one feature, in the order of their names.

        Args:
            position: Position of the feature among ``channels``.
            values: ``[N]`` float32, scaled and filled.
        """

    @property
    def names(self) -> tuple[str, ...]:
        """The K names of the channels."""
        return tuple(
            f"{feature}{CONTEXT}{name}"
            for position, feature in enumerate(self.features)
            for name in self.summaries(position)
        )

    def compute(self, rows: np.ndarray, starts: np.ndarray | None = None) -> np.ndarray:
        """Return the summaries of consecutive rows.

        Args:
            rows: ``[N, C]`` float32, scaled and filled, of which the first are the features. Rows before the first
                count as unknown: nothing switched then, and means are of the rows that there are.
            starts: First row ``[S]`` of each of many series, before which its rows count as unknown; None for one.

        Returns:
            ``[N, K]`` float32.
        """
        if starts is not None:
            series = np.split(rows, starts[1:])
            return np.concatenate([self.compute(part) for part in series])
        out, filled = np.empty((len(rows), len(self.names)), np.float32), 0
        for position, channel in enumerate(self.channels):
            for column in self.summarize(position, np.ascontiguousarray(rows[:, channel])):
                out[:, filled] = column
                filled += 1
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers, for ``from_dict``."""
        fields = {name: _as_plain(value) for name, value in vars(self).items() if value is not None}
        return {"kind": self.kind, **fields}

    @staticmethod
    def from_dict(stored: Mapping[str, Any]) -> Context:
        """Build the context that ``to_dict`` described."""
        fields = _as_fields(stored)
        if "recurrence" in fields:
            fields["recurrence"] = Recurrence(**_as_fields(fields["recurrence"]))
        return Context.kinds[fields.pop("kind")](**fields)

    def is_close(self, other: Context) -> bool:
        """Return whether another context summarizes alike, up to rounding of what was fitted."""
        return _are_close(self.to_dict(), other.to_dict())


@dataclass(frozen=True, kw_only=True)
class Recurrence:
    """How often targets surged around the forecast's time of day: a day and a week before, in the last week and weeks.

    A surge is a rise by more than a threshold over as many rows as lie between the last input and the first target.
    Counts are given as ``log(1 + n) / log(1 + largest)``.

    Args:
        features: The targets.
        thresholds: Rise of each that is a surge, scaled.
        rise_rows: Rows over which a rise is measured.
        day: Rows of a day.
        weeks: Number of weeks to count over.
        widths: Rows before and after that time which count too, rising, each less than half a day.
        labels: The widths as durations, for names.
        reach: Rows from the last input to the middle of the targets.
    """

    features: tuple[str, ...]
    thresholds: tuple[float, ...]
    rise_rows: int
    day: int
    weeks: int
    widths: tuple[int, ...]
    labels: tuple[str, ...]
    reach: int

    @property
    def summaries(self) -> tuple[str, ...]:
        """Four counts for each width."""
        return tuple(
            f"surges_{part}_{label}" for label in self.labels for part in ("day", "week", "days", "weeks")
        )

    @property
    def history(self) -> int:
        """Rows before a row on which the counts depend."""
        farthest = max(int(lags.max()) + width for width in self.widths for lags in self.lags(width))
        return farthest + self.rise_rows

    def lags(self, width: int) -> list[np.ndarray]:
        """Return the rows from the middle row of each day to the last input, of each count.

        A time that is not known yet is replaced by that of one day, or one week, earlier.
        """
        day = -(-(self.reach + width) // self.day)
        week = -(-day // 7) * 7
        counted = [day], [week], day + np.arange(7), week + 7 * np.arange(self.weeks)
        return [np.asarray(days) * self.day - self.reach for days in counted]

    def summarize(self, feature: str, values: np.ndarray) -> list[np.ndarray]:
        """Return the counts ``[N]`` of one feature, in the order of their names."""
        surges = np.zeros(len(values), np.int64)
        rises = values[self.rise_rows :] - values[: -self.rise_rows]
        surges[self.rise_rows :] = rises > self.thresholds[self.features.index(feature)]
        counts, rows = np.concatenate([[0], np.cumsum(surges)]), np.arange(len(values))
        columns = []
        for width in self.widths:
            for lags in self.lags(width):
                total = np.zeros(len(rows), np.int64)
                for lag in lags:
                    middle = rows - lag
                    total += counts[np.maximum(middle + width + 1, 0)] - counts[np.maximum(middle - width, 0)]
                columns.append(_scale_count(total, len(lags) * (2 * width + 1)))
        return columns


@dataclass(frozen=True, kw_only=True)
class Events(Context):
    """When a feature last switched on and off, and how often it switched on within each span.

    A switch is a change from one row to the next by more than a threshold. Rows since the last one, at most the longest
    span, and counts are given as ``log(1 + n) / log(1 + span)``, which is between 0 and 1.

    Args:
        thresholds: Change of each feature that is a switch, scaled.
        recurrence: Surges of the targets at this time of day to count too; None: none.
    """

    kind = "events"

    thresholds: tuple[float, ...]
    recurrence: Recurrence | None = None

    @property
    def history(self) -> int:
        """The longest span, in which a switch is seen in two rows, or what the recurrence depends on."""
        return max(self.spans[-1], 0 if self.recurrence is None else self.recurrence.history)

    def summaries(self, position: int) -> tuple[str, ...]:
        """The two times since a switch, the counts of switches, and those of surges."""
        switches = ("since_on", "since_off", *(f"on_{label}" for label in self.labels))
        recurrence = self._feature_recurrence(position)
        return switches if recurrence is None else switches + recurrence.summaries

    def summarize(self, position: int, values: np.ndarray) -> list[np.ndarray]:
        """Return times and counts."""
        change, threshold = np.diff(values, prepend=values[:1]), self.thresholds[position]
        is_on, rows, longest = change > threshold, np.arange(len(values)), self.spans[-1]
        columns = []
        for switch in (is_on, change < -threshold):
            last = np.maximum.accumulate(np.where(switch, rows, -longest))
            columns.append(_scale_count(np.minimum(rows - last, longest), longest))
        counts = np.concatenate([[0], np.cumsum(is_on)])
        for span in self.spans:
            before = np.maximum(rows + 1 - span, 0)
            columns.append(_scale_count(counts[1:] - counts[before], span))
        recurrence = self._feature_recurrence(position)
        if recurrence is not None:
            columns += recurrence.summarize(self.features[position], values)
        return columns

    def _feature_recurrence(self, position: int) -> Recurrence | None:
        """Return the recurrence if it counts surges of this feature."""
        recurrence = self.recurrence
        return (
            recurrence if recurrence is not None and self.features[position] in recurrence.features else None
        )


@dataclass(frozen=True, kw_only=True)
class Daily(Context):
    """A feature one span ago, and its mean, lowest and highest value within each span, scaled as the feature itself.

    One span ago means the mean of ``width`` rows around the times of the targets, as many whole spans earlier as it
    takes for them to be known; where the rows do not reach back so far, it is the mean of the newest span.

    Args:
        width: Rows of that average.
        reach: Rows from the last input to the last of these rows, before whole spans are subtracted.
    """

    kind = "daily"

    width: int
    reach: int

    @property
    def history(self) -> int:
        """The rows to the first one that any mean takes in."""
        return max(max(self._lag(span) + self.width - 1 for span in self.spans), self.spans[-1] - 1)

    def summaries(self, position: int) -> tuple[str, ...]:
        """Four summaries of each span."""
        return tuple(f"{name}_{label}" for label in self.labels for name in ("ago", "mean", "low", "high"))

    def summarize(self, position: int, values: np.ndarray) -> list[np.ndarray]:
        """Return the summaries of each span."""
        rounded = np.rint(np.clip(values.astype(np.float64), -LARGEST, LARGEST) / RESOLUTION).astype(np.int64)
        totals = np.concatenate([[0], np.cumsum(rounded)])
        columns = []
        for span in self.spans:
            mean = _means(totals, 0, span)
            ago = np.where(
                np.arange(len(values)) < self._lag(span), mean, _means(totals, self._lag(span), self.width)
            )
            extremes = [trailing_extreme(values, span, pick) for pick in (np.minimum, np.maximum)]
            columns += [ago, mean, *extremes]
        return columns

    def _lag(self, span: int) -> int:
        """Return the rows from the last one that is averaged to the window's last one."""
        return -(-self.reach // span) * span - self.reach


def trailing_extreme(values: np.ndarray, span: int, pick: Callable[..., np.ndarray]) -> np.ndarray:
    """Return the extreme ``[N]`` of the newest ``span`` values at each row, of fewer at the first rows.

    Example:
        >>> trailing_extreme(np.array([3, 1, 2, 5]), 2, np.maximum).tolist()
        [3, 3, 2, 5]
    """
    result, reach = values.copy(), 1
    while reach < span:
        step = min(reach, span - reach)
        result = np.concatenate([result[:step], pick(result[step:], result[:-step])])
        reach += step
    extreme: np.ndarray = result
    return extreme


def _are_close(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether two descriptions are equal, up to rounding of thresholds."""
    if first.keys() != second.keys():
        return False
    for name, value in first.items():
        other = second[name]
        if name == "thresholds":
            is_equal = len(value) == len(other) and np.allclose(value, other, rtol=1e-6)
        else:
            is_equal = _are_close(value, other) if isinstance(value, dict) else value == other
        if not is_equal:
            return False
    return True


def _as_plain(value: object) -> object:
    """Return a field as lists, numbers and dicts."""
    if isinstance(value, Recurrence):
        return {name: _as_plain(part) for name, part in vars(value).items()}
    return list(value) if isinstance(value, tuple) else value


def _as_fields(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored values with tuples in place of lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}


def _scale_count(count: np.ndarray, largest: int) -> np.ndarray:
    """Return ``log(1 + n) / log(1 + largest)`` of counts, from a table so that equal counts have equal bits."""
    table = (np.log1p(np.arange(largest + 1)) / np.log1p(largest)).astype(np.float32)
    array: np.ndarray = table[count]
    return array


def _means(totals: np.ndarray, lag: int, span: int) -> np.ndarray:
    """Return the mean ``[N]`` of the ``span`` rows up to ``lag`` rows before each, from running totals ``[N + 1]``."""
    rows = np.arange(len(totals) - 1)
    stop = np.maximum(rows + 1 - lag, 1)
    start = np.maximum(stop - span, 0)
    means: np.ndarray = ((totals[stop] - totals[start]) / (stop - start) * RESOLUTION).astype(np.float32)
    return means
