"""How long a forecast takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsforecast.data.dataset import ForecastDataset
from tsforecast.inference.predict import forecast
from tsforecast.stages import stage
from tsforecast.timing import seconds_per_call

if TYPE_CHECKING:
    from tsforecast.models.protocol import Model


@stage("latency")
def measure_latency(model: Model, dataset: ForecastDataset) -> dict[str, float]:
    """Return the milliseconds of a warm forecast of one window.

    Returns: ``median``, ``low`` and ``high`` (quartiles), and ``calls``, the number of timed calls.
    """
    windows = dataset.windows("test", limit=1)
    timing = seconds_per_call(lambda: forecast(model, windows), seconds=0.5)
    return {name: 1000 * timing[name] for name in ("median", "low", "high")} | {"calls": timing["calls"]}
