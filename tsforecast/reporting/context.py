"""What a report is about: the input of every section."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tsforecast.reporting.charts import ForecastInput, Values, forecast_series
from tsforecast.reporting.elements import Record, Section


@dataclass(frozen=True, kw_only=True)
class Report:
    """A run as its report shows it; what is empty or missing leaves its section out.

    Args:
        title: Heading of the page.
        result: Content of ``result.json``; NaN and None become a dash.
        history: One mapping per epoch with ``epoch`` and any of ``loss``, ``val/loss``, ``val/rmse``, ``val/mae``,
            ``learning_rate``, ``steps_per_second``, ``input_wait`` (share of the time).
        forecast: Forecasts of the test split; the newest are shown, about 20,000 values of truth in all.
        by_step: ``rmse`` and ``mae`` ``[H]``, and those of baselines as ``persistence/rmse`` and the like.
        by_hour: ``group`` (hour of day), ``rmse``, ``mae``, and those of baselines.
        config_yaml: Composed config.
        parameters: Rows of the parameter table with the same keys; ``params`` is summed up.
        notes: Sentences on the data: what was filled, how it was split.
        step_seconds: Seconds between two rows of the data, 0 if unknown.
        sections: Further sections, of a job that has more to show.

    Example:
        >>> Report(title="A run", result={"unit": "kW"}).unit
        'kW'
    """

    title: str
    result: Mapping[str, Any]
    history: Sequence[Record] = ()
    forecast: ForecastInput | None = None
    by_step: Mapping[str, Values] | None = None
    by_hour: Mapping[str, Values] | None = None
    config_yaml: str = ""
    parameters: Sequence[Record] = ()
    notes: Sequence[str] = ()
    step_seconds: int = 0
    sections: Sequence[Section] = ()

    @property
    def unit(self) -> str:
        """Unit of the targets; empty if there is none."""
        return str(self.result.get("unit") or "")

    @cached_property
    def forecast_series(self) -> dict[str, Any] | None:
        """The forecasts as the chart draws them, None without any.

        Raises:
            ValueError: Arrays that belong together differ in length or shape.
        """
        series = forecast_series(self.forecast) if self.forecast else None
        return series if series and series["count"] else None
