"""One model as a row of a table: errors, size, and time of one forecast."""

from __future__ import annotations

from tsforecast.data.dataset import ForecastDataset
from tsforecast.evaluation.latency import measure_latency
from tsforecast.evaluation.scored_model import Scored


def model_row(label: str, scored: Scored, dataset: ForecastDataset) -> dict[str, str | float]:
    """Return the row of a model, and measure the time of its warm forecast of one window.

    Args:
        label: Name of the model in the table.
        scored: The model and its forecasts of the test split.
        dataset: Data with a test window to forecast.
    """
    figures = scored.test.figures
    return {
        "model": label,
        "RMSE": figures["rmse"],
        "MAE": figures["mae"],
        "params": scored.model.count_params(),
        "one forecast (ms)": measure_latency(scored.model, dataset)["median"],
    }
