"""The newest forecasts with their truths, as the live page shows them; bounded in memory."""

from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tsforecast.inference.forecast_table import member_names
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.serving.model_manager import LoadedModel

ALARM_PROBABILITY = 0.5  # of a spike head
SNAPSHOT_POINTS = 600
_HIDDEN = ("low", "high")  # fields of a point that the live page does not need


@dataclass
class Point:
    """One forecast value; times are seconds since 1970, values are in the target's unit."""

    version: str
    made_at: int
    time: int
    step: int
    target: int
    forecast: float
    low: float
    high: float
    lower: float | None
    upper: float | None
    last: float
    alarm: bool
    spike: float | None
    truth: float | None = None


class LiveStore:
    """Forecasts in the order in which they were made, matched with truths by time, whichever arrives first.

    Args:
        keep: Number of forecast values, and of truths, to keep; the oldest are dropped first.

    Example:
        >>> store = LiveStore(keep=1000)
        >>> store.observe(time=1_290_805_320, target=0, value=1.4)  # no forecast was waiting for it
        []
        >>> store.snapshot()
        {'points': [], 'weights': []}
    """

    def __init__(self, keep: int):
        self.keep = keep
        self.points: OrderedDict[tuple[int, int, int], Point] = OrderedDict()  # by time, step, target
        self.truths: OrderedDict[tuple[int, int], float] = OrderedDict()  # by time, target
        self.weights: OrderedDict[int, dict[str, float]] = OrderedDict()  # by made_at
        self._waiting: dict[tuple[int, int], set[tuple[int, int, int]]] = {}

    def add(
        self,
        model: LoadedModel,
        made_at: np.ndarray,
        last: np.ndarray,
        forecasts: Forecasts,
        lower: np.ndarray,
        upper: np.ndarray,
    ) -> int:
        """Add the newest of n forecasts.

        The same forecast made again replaces the earlier one.

        Args:
            model: The model that made them.
            made_at: Time datetime64[s] of the last row of each window ``[n]``.
            last: Last known values of the targets ``[n, T]``.
            forecasts: The forecasts.
            lower: Lower bounds ``[n, H, T]`` of the intervals.
            upper: Upper bounds ``[n, H, T]``.

        Returns:
            The number of values that raise a spike alarm.
        """
        metadata, alarms = model.metadata, 0
        count = max(1, self.keep // (metadata.horizon * len(metadata.targets)))
        times = metadata.target_times(made_at).astype(np.int64)
        seconds = made_at.astype(np.int64)
        for row in range(max(0, len(made_at) - count), len(made_at)):
            for step, target in np.ndindex(forecasts.values.shape[1:]):
                index = (row, step, target)
                point = Point(
                    version=model.version.name,
                    made_at=int(seconds[row]),
                    time=int(times[row, step]),
                    step=step,
                    target=target,
                    forecast=float(forecasts.values[index]),
                    low=float(forecasts.low[index]),
                    high=float(forecasts.high[index]),
                    lower=_to_json(lower[index]),
                    upper=_to_json(upper[index]),
                    last=float(last[row, target]),
                    alarm=_is_alarm(metadata, forecasts, index, last[row, target]),
                    spike=None if forecasts.spike is None else float(forecasts.spike[index]),
                )
                is_new = self._add_point(point)
                alarms += point.alarm and is_new
            if forecasts.weights is not None:
                names = member_names(metadata, forecasts.weights.shape[1])
                self.weights[int(seconds[row])] = dict(
                    zip(names, forecasts.weights[row].tolist(), strict=True)
                )
        _drop_oldest(self.weights, self.keep)
        return alarms

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
        self.truths[key] = value
        _drop_oldest(self.truths, self.keep)
        points = [self.points[name] for name in self._waiting.pop(key, ()) if name in self.points]
        for point in points:
            point.truth = value
        return points

    def snapshot(self, newest: int = SNAPSHOT_POINTS) -> dict[str, Any]:
        """Return the newest forecasts and weights, as ``responses.LiveResponse`` holds them."""
        points = sorted(self.points.values(), key=lambda point: (point.time, point.step))[-newest:]
        return {
            "points": [
                {name: value for name, value in vars(point).items() if name not in _HIDDEN}
                for point in points
            ],
            "weights": [
                {"made_at": made_at, "weights": self.weights[made_at]}
                for made_at in sorted(self.weights)[-newest:]
            ],
        }

    def to_json(self) -> dict[str, Any]:
        """Return everything, for ``restore``."""
        return {
            "points": [asdict(point) for point in self.points.values()],
            "truths": [[*key, value] for key, value in self.truths.items()],
            "weights": [[made_at, weights] for made_at, weights in self.weights.items()],
        }

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_json`` returned."""
        self.truths = OrderedDict(((time, target), value) for time, target, value in stored["truths"])
        self.weights = OrderedDict((made_at, weights) for made_at, weights in stored["weights"])
        for fields in stored["points"]:
            self._add_point(Point(**fields))

    def _add_point(self, point: Point) -> bool:
        """Store a forecast; return whether the one before it for that time and step is by another version, or none."""
        key = (point.time, point.step, point.target)
        before = self.points.pop(key, None)
        self.points[key] = point
        if point.truth is None:
            point.truth = self.truths.get((point.time, point.target))
        if point.truth is None:
            self._waiting.setdefault((point.time, point.target), set()).add(key)
        while len(self.points) > self.keep:
            (time, step, target), _ = self.points.popitem(last=False)
            waiting = self._waiting.get((time, target))
            if waiting is not None:
                waiting.discard((time, step, target))
                if not waiting:
                    del self._waiting[time, target]
        return before is None or before.version != point.version


def _is_alarm(
    metadata: ModelMetadata, forecasts: Forecasts, index: tuple[int, int, int], last: float
) -> bool:
    """Return whether a spike is forecast: by the model's own head, or by a rise above its threshold."""
    if forecasts.spike is not None:
        return bool(forecasts.spike[index] >= ALARM_PROBABILITY)
    return bool(forecasts.values[index] - last > metadata.thresholds[index[2]])  # NaN: never


def _to_json(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _drop_oldest(items: OrderedDict[Any, Any], keep: int) -> None:
    while len(items) > keep:
        items.popitem(last=False)
