"""The newest forecasts with their truths, as the live page shows them; bounded in memory."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tsforecast.serving.window_record import Point, WindowRecord

SNAPSHOT_POINTS = 600
MAX_GAP = 600  # steps between two forecasts that are shown on one page
_HIDDEN = ("low", "high", "window", "series")  # fields of a point that the live page does not need
Truth = tuple[int, int, float]  # time in seconds since 1970, index of the target, value


class LiveStore:
    """Forecasts in the order in which they were made, matched with truths by time, whichever arrives first.

    Args:
        keep: Number of forecast values, and of truths, to keep; the oldest are dropped first.

    Example:
        >>> store = LiveStore(keep=1000)
        >>> store.observe(time=1_290_805_320, target=0, value=1.4)  # no forecast was waiting for it
        []
        >>> store.snapshot()
        {'points': [], 'weights': [], 'newest': None}
    """

    def __init__(self, keep: int):
        self.keep = keep
        self.points: OrderedDict[tuple[int, int, int], Point] = OrderedDict()  # by time, step, target
        self.truths: OrderedDict[tuple[int, int], float] = OrderedDict()  # by time, target
        self.weights: OrderedDict[int, dict[str, float]] = OrderedDict()  # by made_at
        self._waiting: dict[tuple[int, int], set[tuple[int, int, int]]] = {}

    def add_windows(self, windows: Sequence[WindowRecord]) -> tuple[int, list[Point]]:
        """Add forecasts.

        The same forecast made again replaces the earlier one.

        Args:
            windows: The forecasts, in the order of arrival.

        Returns:
            The number of values that raise a spike alarm, and the values whose truths were known already.
        """
        alarms, known = 0, []
        for window in windows:
            for point in window.points():
                point.truth = self.truths.get((point.time, point.target))
                alarms += self._add_point(point) and point.alarm
                if point.truth is not None:
                    known.append(point)
            self._add_weights(window)
        return alarms, known

    def observe(self, time: int, target: int, value: float) -> list[Point]:
        """Add a truth, unless there is one for its time already.

        Args:
            time: Seconds since 1970.
            target: Index of the target.
            value: Value in its unit.

        Returns:
            The forecasts that were waiting for it.
        """
        key = (time, target)
        if key in self.truths:
            return []
        self._add_truth(time, target, value)
        points = [self.points[name] for name in self._waiting.pop(key, ()) if name in self.points]
        for point in points:
            point.truth = value
        return points

    def snapshot(self, newest: int = SNAPSHOT_POINTS) -> dict[str, Any]:
        """Return the forecasts and weights that arrived last, as ``responses.LiveResponse`` holds them.

        They are in the order of time. A window whose time is far from all others is left out, since it would make the
        charts useless.
        """
        points = _select_near(list(self.points.values())[-newest:])
        shown = sorted(points, key=lambda point: (point.time, point.step))
        windows = {point.made_at for point in shown}
        weights = [item for item in list(self.weights.items())[-newest:] if item[0] in windows]
        return {
            "points": [
                {name: value for name, value in vars(point).items() if name not in _HIDDEN} for point in shown
            ],
            "weights": [
                {"made_at": made_at, "weights": values}
                for made_at, values in sorted(weights, key=lambda item: item[0])
            ],
            "newest": points[-1].made_at if points else None,
        }

    def restore(self, windows: Iterable[tuple[WindowRecord, dict[tuple[int, int], float]]]) -> None:
        """Restore forecasts that were added before.

        Args:
            windows: Forecasts, the newest first, each with its truths by step and target.
        """
        keys: set[tuple[int, int, int]] = set()
        newest: list[WindowRecord] = []
        points: list[Point] = []
        for window, truths in windows:
            for point in reversed(list(window.points())):
                key = (point.time, point.step, point.target)
                if key not in keys and len(keys) < self.keep:
                    keys.add(key)
                    point.truth = truths.get((point.step, point.target))
                    points.append(point)
            newest.append(window)
            if len(keys) >= self.keep:
                break
        for point in reversed(points):
            self._add_point(point)
        for window in reversed(newest):
            self._add_weights(window)

    def shorten(self, keep: int) -> None:
        """Keep fewer forecast values and truths from now on."""
        self.keep = min(self.keep, keep)
        self._drop_points()
        _drop_oldest(self.truths, self.keep)

    def restore_truths(self, truths: Iterable[Truth]) -> None:
        """Restore truths that were added before, in the order of arrival."""
        for truth in truths:
            self._add_truth(*truth)

    def _add_truth(self, time: int, target: int, value: float) -> None:
        self.truths[time, target] = value
        _drop_oldest(self.truths, self.keep)

    def _add_weights(self, window: WindowRecord) -> None:
        if window.weights is not None:
            self.weights.pop(window.made_at, None)
            self.weights[window.made_at] = window.weights
            _drop_oldest(self.weights, max(1, self.keep // window.arrays["values"].size))

    def _add_point(self, point: Point) -> bool:
        """Store a forecast; return whether the one before it for that time and step is by another version, or none."""
        key = (point.time, point.step, point.target)
        before = self.points.pop(key, None)
        self.points[key] = point
        if point.truth is None:
            self._waiting.setdefault((point.time, point.target), set()).add(key)
        self._drop_points()
        return before is None or before.version != point.version

    def _drop_points(self) -> None:
        while len(self.points) > self.keep:
            (time, step, target), _ = self.points.popitem(last=False)
            waiting = self._waiting.get((time, target))
            if waiting is not None:
                waiting.discard((time, step, target))
                if not waiting:
                    del self._waiting[time, target]


def _select_near(points: Sequence[Point]) -> list[Point]:
    """Return the points around the newest window that is not far from all others."""
    if not points:
        return []
    times = np.array([point.time for point in points])
    distinct = np.unique(times)
    gaps = np.diff(distinct)
    step = np.percentile(gaps, 25, method="lower") if len(gaps) else 1
    groups = np.concatenate([[0], np.cumsum(gaps > MAX_GAP * step)])
    group = groups[np.searchsorted(distinct, times)].tolist()
    windows = defaultdict(set)
    for number, point in zip(group, points, strict=True):
        windows[number].add(point.made_at)
    chosen = next((number for number in reversed(group) if len(windows[number]) > 1), group[-1])
    return [point for number, point in zip(group, points, strict=True) if number == chosen]


def _drop_oldest(items: OrderedDict[Any, Any], keep: int) -> None:
    while len(items) > keep:
        items.popitem(last=False)
