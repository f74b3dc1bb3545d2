"""What watches the service: called with each accepted row, forecast and scored forecast, in the order of arrival.

Example:
    ::

        def watch(event: WatchedEvent) -> None:
            if isinstance(event, ScoredForecast):
                errors.append(event.point.forecast - event.point.truth)

        service.watchers.append(watch)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tsforecast.serving.window_record import Point, WindowRecord


@dataclass(frozen=True)
class AcceptedRow:
    """A row that the service has stored: of ``POST /v1/rows``, of a feed, or a truth of ``POST /v1/observe``.

    Args:
        time: Seconds since 1970, as the model's grid has them.
        values: Feature -> value in its unit, NaN where missing; categories are codes of the champion's vocabulary.
        series: Name of its series; empty for a model of one series.
    """

    time: int
    values: Mapping[str, float]
    series: str = ""


@dataclass(frozen=True)
class ScoredForecast:
    """A forecast value whose truth has arrived.

    Args:
        point: Forecast, bounds and truth; ``version`` says which model made it.
        is_shadow: Whether the shadow made it, whose forecasts are never returned.
    """

    point: Point
    is_shadow: bool


@dataclass(frozen=True)
class IssuedForecast:
    """A forecast that the champion has made.

    Args:
        window: Forecast values, and whether they raise a spike alarm.
        targets: Names of the targets.
    """

    window: WindowRecord
    targets: tuple[str, ...]


WatchedEvent = AcceptedRow | IssuedForecast | ScoredForecast
Watcher = Callable[[WatchedEvent], None]
