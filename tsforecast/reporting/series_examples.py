"""Forecasts of single series of a panel: the best, the middle and the worst of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsforecast.reporting.charts import line, line_chart
from tsforecast.reporting.elements import Chart, Section

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.evaluation.evaluate import Evaluation
    from tsforecast.evaluation.scores import TestScores

NEWEST = 300  # windows of a forecast of one step
# Ranks of the series by MASE, as shares of their number; the first label of a series counts.
SHARES = {"Best": 0.0, "Worst": 1.0, "Middle": 0.5, "Lower quarter": 0.25, "Upper quarter": 0.75}


def example_sections(dataset: ForecastDataset, scores: TestScores) -> list[Section]:
    """Return the newest forecasts of a few series of a panel; none for one series.

    Args:
        dataset: Data of the run.
        scores: Forecasts of the test split.
    """
    panel, series = dataset.series.panel, scores.test.series
    if panel is None or series is None:
        return []
    mase = series.figures["mase"]
    order = np.argsort(mase)[: int(np.isfinite(mase).sum())]
    if not len(order):
        return []
    charts: dict[int, Chart] = {}
    for label, share in SHARES.items():
        rank = round(share * (len(order) - 1))
        index = int(order[rank])
        heading = f"{label}: {series.ids[index]}, MASE {mase[index]:.3g}"
        chart = _draw(dataset, scores, panel.ids.index(series.ids[index]), heading)
        if chart is not None:
            charts.setdefault(rank, chart)
    note = "The newest test forecast of the first target; of one step, the newest windows."
    return [Section("Forecasts of single series", [charts[rank] for rank in sorted(charts)], note, "grid")]


def _draw(dataset: ForecastDataset, scores: TestScores, number: int, heading: str) -> Chart | None:
    test, naive = scores.test, scores.baselines["seasonal_naive"]
    windows = np.flatnonzero(dataset.series.series_of(test.ends) == number)
    several = test.truth.shape[1] > 1

    def values(evaluation: Evaluation, array: str) -> list[float]:
        column = getattr(evaluation, array)[..., 0]
        chosen = column[windows[-1]] if several else column[windows[-NEWEST:], 0]
        return [float(value) for value in chosen]

    lines = [
        line("measured", values(test, "truth"), "truth"),
        line("forecast", values(test, "forecast"), "forecast"),
        line("seasonal naive", values(naive, "forecast"), "baseline", "dash"),
    ]
    count, first = len(values(test, "truth")), dataset.window["lead"] if several else 1
    name = "step" if several else "window"
    return line_chart(f"example-{number}", heading, name, list(range(first, first + count)), lines)
