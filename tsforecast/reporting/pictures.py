"""The charts of a report as pictures for slides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tsforecast import plots
from tsforecast.files import atomic_path
from tsforecast.reporting.context import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tsforecast.reporting.charts import ForecastInput

PAGE = "html"  # the report page, which is always written
MAX_POINTS = 300  # forecasts on the picture of forecast and truth
DPI = 200


def write_pictures(folder: Path, figures: Iterable[tuple[str, Figure]], formats: Sequence[str]) -> list[Path]:
    """Write one file per figure and format, such as ``figures/learning_curves.png``; return the paths.

    Args:
        folder: Folder of the pictures; it is made if there is any.
        figures: Name and figure of each; nothing is drawn without a format.
        formats: ``png`` and ``svg``; others are left out.
    """
    kinds = [kind for kind in formats if kind != PAGE]
    if not kinds:
        return []
    folder.mkdir(exist_ok=True)
    paths = []
    for name, figure in figures:
        for kind in kinds:
            path = folder / f"{name}.{kind}"
            with atomic_path(path) as part:
                figure.savefig(part, format=kind, dpi=DPI)
            paths.append(path)
    return paths


def draw_figures(report: Report) -> Iterator[tuple[str, Figure]]:
    """Yield name and figure of each chart that the report has data for."""
    if report.forecast is not None and len(report.forecast["time"]):
        yield "forecast", _draw_forecast(report.forecast)
    if report.history:
        yield "learning_curves", plots.plot_learning_curves(report.history)
    if report.by_hour is not None:
        rmse = {name: np.asarray(values, float) for name, values in report.by_hour.items()}
        errors = {str(report.result.get("model") or "model"): rmse["rmse"]}
        errors |= {"persistence": rmse["persistence/rmse"]} if "persistence/rmse" in rmse else {}
        yield "error_by_hour", plots.plot_error_by_hour(rmse["group"], errors, report.unit)
    explanation = report.result.get("explanation")
    if explanation:
        yield "importance", plots.plot_importance(explanation, report.unit)


def _draw_forecast(forecast: ForecastInput) -> Figure:
    """Draw the newest forecasts of the first target next to the truth."""
    newest = slice(-MAX_POINTS, None)
    band = None
    if "lower" in forecast:
        band = np.asarray(forecast["lower"])[newest, 0], np.asarray(forecast["upper"])[newest, 0]
    return plots.plot_forecast_and_truth(
        np.asarray(forecast["time"])[newest],
        np.asarray(forecast["truth"])[newest, 0],
        np.asarray(forecast["forecast"])[newest, 0],
        band=band,
        title=str(forecast["target"][0]),
        unit=str(forecast["unit"]),
    )
