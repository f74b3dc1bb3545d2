"""The newest forecasts beside their truths, as the live page shows them; bounded in memory."""

from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tsforecast.inference.forecast_table import member_names
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.serving.model_manager import LoadedModel

ALARM_PROBABILITY = 0.5  # of a spike head


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
    """Forecasts in the order in which they were made, matched with truths by time, whichever comes first.

    Args:
        keep: forecast values, and truths, that are kept; the oldest go first.
    """

    def __init__(self, keep: int):
        self.keep = keep
        self.points: OrderedDict[tuple[int, int, int], Point] = OrderedDict()  # by time, step, target
        self.truths: OrderedDict[tuple[int, int], float] = OrderedDict()  # by time, target
        self.weights: OrderedDict[int, dict[str, float]] = OrderedDict()  # by made_at
        self._waiting: dict[tuple[int, int], set[tuple[int, int, int]]] = {}

    def forecast(
        self,
        active: LoadedModel,
        made_at: np.ndarray,
        last: np.ndarray,
        found: Forecasts,
        lower: np.ndarray,
        upper: np.ndarray,
    ) -> int:
        """Takes the newest of n forecasts; returns how many values of them raise a spike alarm.

        The same forecast made again takes the place of the earlier one.
        """
        metadata, alarms = active.metadata, 0
        count = max(1, self.keep // (metadata.horizon * len(metadata.targets)))
        times = metadata.target_times(made_at).astype(np.int64)
        seconds = made_at.astype(np.int64)
        for row in range(max(0, len(made_at) - count), len(made_at)):
            for step, target in np.ndindex(found.values.shape[1:]):
                at = (row, step, target)
                point = Point(
                    version=active.version.name,
                    made_at=int(seconds[row]),
                    time=int(times[row, step]),
                    step=step,
                    target=target,
                    forecast=float(found.values[at]),
                    low=float(found.low[at]),
                    high=float(found.high[at]),
                    lower=_known(lower[at]),
                    upper=_known(upper[at]),
                    last=float(last[row, target]),
                    alarm=_alarm(metadata, found, at, last[row, target]),
                    spike=None if found.spike is None else float(found.spike[at]),
                )
                is_new = self._keep(point)
                alarms += point.alarm and is_new
            if found.weights is not None:
                names = member_names(metadata, found.weights.shape[1])
                self.weights[int(seconds[row])] = dict(zip(names, found.weights[row].tolist(), strict=True))
        _shorten(self.weights, self.keep)
        return alarms

    def observe(self, time: int, target: int, value: float) -> list[Point]:
        """Takes a truth; returns the forecasts that had waited for it. A second one for its time is not taken."""
        key = (time, target)
        if key in self.truths:
            return []
        self.truths[key] = value
        _shorten(self.truths, self.keep)
        points = [self.points[name] for name in self._waiting.pop(key, ()) if name in self.points]
        for point in points:
            point.truth = value
        return points

    def snapshot(self, newest: int = 600) -> dict[str, Any]:
        """The newest forecasts and weights, ready for JSON."""
        points = sorted(self.points.values(), key=lambda point: (point.time, point.step))[-newest:]
        shown = (
            "version",
            "made_at",
            "time",
            "step",
            "target",
            "forecast",
            "lower",
            "upper",
            "last",
            "alarm",
        )
        return {
            "points": [
                {name: getattr(point, name) for name in (*shown, "spike", "truth")} for point in points
            ],
            "weights": [
                {"made_at": at, "weights": self.weights[at]} for at in sorted(self.weights)[-newest:]
            ],
        }

    def to_json(self) -> dict[str, Any]:
        """All of it, for ``restore``."""
        return {
            "points": [asdict(point) for point in self.points.values()],
            "truths": [[*key, value] for key, value in self.truths.items()],
            "weights": [[at, weights] for at, weights in self.weights.items()],
        }

    def restore(self, stored: dict[str, Any]) -> None:
        """Takes what ``to_json`` gave."""
        self.truths = OrderedDict(((time, target), value) for time, target, value in stored["truths"])
        self.weights = OrderedDict((at, weights) for at, weights in stored["weights"])
        for fields in stored["points"]:
            self._keep(Point(**fields))

    def _keep(self, point: Point) -> bool:
        """Stores a forecast; tells whether it is another than the one before for that time and step."""
        key = (point.time, point.step, point.target)
        before = self.points.pop(key, None)
        self.points[key] = point
        if point.truth is None:
            point.truth = self.truths.get((point.time, point.target))
        if point.truth is None:
            self._waiting.setdefault((point.time, point.target), set()).add(key)
        while len(self.points) > self.keep:
            (time, step, target), _ = self.points.popitem(last=False)
            left = self._waiting.get((time, target))
            if left is not None:
                left.discard((time, step, target))
                if not left:
                    del self._waiting[time, target]
        return before is None or before.version != point.version


def _alarm(metadata: ModelMetadata, found: Forecasts, at: tuple[int, int, int], last: float) -> bool:
    """Whether a spike is forecast: by the model's own head, or by a rise over its threshold."""
    if found.spike is not None:
        return bool(found.spike[at] >= ALARM_PROBABILITY)
    return bool(found.values[at] - last > metadata.thresholds[at[2]])  # NaN: never


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _shorten(held: OrderedDict[Any, Any], most: int) -> None:
    while len(held) > most:
        held.popitem(last=False)
