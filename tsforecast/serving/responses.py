"""Response bodies: pydantic models of the JSON, and forecasts as JSON or as an Arrow stream."""

from typing import Annotated, Any, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, Field

from tsforecast.inference.forecast_table import forecast_table, member_names
from tsforecast.inference.forecasts import Forecasts
from tsforecast.serving.model_manager import LoadedModel
from tsforecast.serving.series_names import SERIES

ARROW = "application/vnd.apache.arrow.stream"
LocalTime = Annotated[
    str | int,
    Field(
        description="ISO 8601: local with its offset if the training data had a time zone, with Z if they had times in"
        " UTC or with an offset, without one if not; a whole number of series whose times number steps",
        examples=["2010-11-26T21:02:00"],
    ),
]
NumbersSteps = Annotated[
    bool | None,
    Field(description="true if times number the steps of each series: seconds are those of so many steps"),
]
ByTarget = dict[str, list[float | None]]  # one value per step


class ErrorResponse(BaseModel):
    """Why a request was refused, in one sentence."""

    error: str


class HealthResponse(BaseModel):
    """The process answers."""

    status: str


class ReadyResponse(BaseModel):
    """Whether a model is in service, which one, and if not, why."""

    ready: bool
    version: str | None
    reason: str | None


class IntervalSummary(BaseModel):
    """Nominal coverage, observed share of truths inside, and the number of those truths."""

    nominal: float
    observed: float | None
    truths: Annotated[int, Field(ge=0)]


class WindowForecast(BaseModel):
    """The forecast of one window."""

    series: Annotated[str | None, Field(description="its name, of a model of many series")] = None
    made_at: LocalTime
    times: list[LocalTime]
    forecast: ByTarget
    lower: ByTarget
    upper: ByTarget
    quantiles: dict[str, ByTarget] | None = None
    mean: ByTarget | None = None
    spike_probability: ByTarget | None = None
    weights: dict[str, float] | None = None


class ForecastResponse(BaseModel):
    """The forecasts of all windows of a request, by one version."""

    version: str
    unit: str
    targets: list[str]
    coverage: float
    forecasts: list[WindowForecast]
    notes: Annotated[list[str] | None, Field(description="what was found about the values")] = None


class RowsResponse(ForecastResponse):
    """Rows taken, forecast values that they matched, and the forecasts that they allow, oldest first."""

    rows: int
    matched: int
    intervals: IntervalSummary


class ObserveResponse(BaseModel):
    """Rows taken, forecast values that they matched, and the coverage of the intervals."""

    rows: int
    matched: int
    intervals: IntervalSummary


class ModelInput(BaseModel):
    """What the model in service expects and forecasts."""

    features: list[str]
    rows: int
    step_seconds: int
    step: str
    lead: int
    horizon: int
    targets: list[str]
    unit: str
    quantile_levels: list[float]
    members: list[str]
    categories: Annotated[
        dict[str, list[str]] | None, Field(description="the features that are texts, with their categories")
    ] = None
    series: Annotated[
        list[str] | None, Field(description="the columns that name the series of a row, of a model of many")
    ] = None
    numbers_steps: NumbersSteps = None


class ModelsResponse(BaseModel):
    """All versions, and the inputs of the one in service."""

    champion: str | None
    serving: str | None
    shadow: str | None
    trouble: str | None
    input: ModelInput | None
    models: list[dict[str, Any]]


class LivePoint(BaseModel):
    """One forecast value with its truth, as the live page shows it; times are seconds since 1970."""

    version: str
    made_at: int
    time: int
    step: int
    target: int
    forecast: float
    lower: float | None
    upper: float | None
    last: float
    alarm: bool
    spike: float | None
    truth: float | None


class LiveWeights(BaseModel):
    """The weights of an ensemble's members in one forecast."""

    made_at: int
    weights: dict[str, float]


class AlarmResponse(BaseModel):
    """One alarm; times are seconds since 1970, as the grid of the data has them."""

    number: int
    kind: str
    feature: str
    severity: str
    start: int
    end: int | None
    text: str
    figures: dict[str, float]
    series: Annotated[str | None, Field(description="its name, of a model of many series")] = None


class DriftLevels(BaseModel):
    """How far the drift charts of each statistic have risen at most: 1 raises an alarm."""

    time: int
    levels: dict[str, float]
    series: Annotated[dict[str, str] | None, Field(description="of many, whose charts they are")] = None


OpenAlarms = Annotated[dict[str, int] | None, Field(description="of many series, how many are open in each")]
PValues = Annotated[
    dict[str, float | None] | None,
    Field(description="of one of many series, the p-value of the newest reading of each target"),
]


class AlarmsResponse(BaseModel):
    """Open alarms and those that ended last, drift, and why something is not monitored."""

    alarms: list[AlarmResponse]
    drift: list[DriftLevels]
    monitoring: str | None
    open_alarms: OpenAlarms = None
    p_values: PValues = None


class AuditResponse(BaseModel):
    """The newest entries of the registry's audit log, the oldest first, and why it cannot be trusted, if so."""

    entries: list[dict[str, Any]]
    trouble: str | None


class LiveResponse(BaseModel):
    """What the live page shows."""

    version: str
    model: str
    promoted: str | None
    unit: str
    targets: list[str]
    step_seconds: int
    step: str
    lead: int
    horizon: int
    members: list[str]
    intervals: IntervalSummary
    timezone: str
    trouble: str | None
    newest: Annotated[int | None, Field(description="made_at of the forecast that arrived last")]
    points: list[LivePoint]
    weights: list[LiveWeights]
    alarms: list[AlarmResponse]
    drift: list[DriftLevels]
    monitoring: str | None
    series: Annotated[list[str] | None, Field(description="the series in use, of a model of many")] = None
    shown: Annotated[str | None, Field(description="the series that is shown")] = None
    numbers_steps: NumbersSteps = None
    open_alarms: OpenAlarms = None
    p_values: PValues = None


class ForecastResult(NamedTuple):
    """Forecasts of n windows by the version that was in service when they were requested.

    Args:
        model: That version.
        made_at: Time datetime64[s] of the last row of each window ``[n]``.
        forecasts: Forecasts in the targets' unit.
        lower: Lower bounds ``[n, H, T]`` of the intervals, NaN where there is none yet.
        upper: Upper bounds ``[n, H, T]``.
        notes: What was found about the values of the request.
        names: Name of the series of each window; none for a model of one series.
    """

    model: LoadedModel
    made_at: np.ndarray
    forecasts: Forecasts
    lower: np.ndarray
    upper: np.ndarray
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def to_response(self) -> ForecastResponse:
        """Return the JSON response."""
        metadata = self.model.metadata
        times = [metadata.format_times(window) for window in metadata.target_times(self.made_at)]
        made_at = metadata.format_times(self.made_at)
        return ForecastResponse(
            version=self.model.version.name,
            unit=metadata.unit,
            targets=list(metadata.targets),
            coverage=self.model.intervals.coverage,
            forecasts=[
                WindowForecast(
                    **self._label(row), made_at=made_at[row], times=times[row], **self._window_fields(row)
                )
                for row in range(len(made_at))
            ],
            **({"notes": list(self.notes)} if self.notes else {}),
        )

    def newest_of_each(self) -> "dict[str, ForecastResult]":
        """Return the forecast of the last window of each series alone; that of one series has an empty name."""
        last = {name: row for row, name in enumerate(self.names)} or {"": len(self.made_at) - 1}
        return {name: self._select(slice(row, row + 1)) for name, row in last.items()}

    def _select(self, rows: slice) -> "ForecastResult":
        return self._replace(
            made_at=self.made_at[rows],
            forecasts=self.forecasts.select(rows),
            lower=self.lower[rows],
            upper=self.upper[rows],
            names=self.names[rows],
        )

    def _label(self, row: int) -> dict[str, Any]:
        return {"series": self.names[row]} if self.names else {}

    def to_arrow(self) -> bytes:
        """Return an Arrow stream of the table that ``job=predict`` writes."""
        about = {"version": self.model.version.name}
        if self.notes:
            about["notes"] = "\n".join(self.notes)
        table = forecast_table(self.model.metadata, self.made_at, self.forecasts, self.lower, self.upper)
        if self.names:
            columns = self.model.series.columns
            names = np.repeat(np.array(self.names, object), table.num_rows // len(self.names))
            label = columns[0] if len(columns) == 1 else SERIES
            table = table.add_column(0, label, pa.array(names, pa.string()))
        table = table.replace_schema_metadata(about)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return sink.getvalue().to_pybytes()

    def _window_fields(self, row: int) -> dict[str, Any]:
        metadata, forecasts = self.model.metadata, self.forecasts
        fields: dict[str, Any] = {
            "forecast": self._by_target(forecasts.values[row]),
            "lower": self._by_target(self.lower[row]),
            "upper": self._by_target(self.upper[row]),
        }
        if forecasts.mean is not None:
            fields["mean"] = self._by_target(forecasts.mean[row])
        if forecasts.quantiles is not None:
            fields["quantiles"] = {
                f"{level:g}": self._by_target(forecasts.quantiles[row, ..., index])
                for index, level in enumerate(metadata.quantile_levels or ())
            }
        if forecasts.spike is not None:
            fields["spike_probability"] = self._by_target(forecasts.spike[row])
        if forecasts.weights is not None:
            names = member_names(metadata, forecasts.weights.shape[1])
            fields["weights"] = dict(zip(names, forecasts.weights[row].tolist(), strict=True))
        return fields

    def _by_target(self, values: np.ndarray) -> ByTarget:
        """Return ``[H, T]`` as one list of H values per target, with None for NaN."""
        return {
            name: [None if np.isnan(value) else value for value in values[:, index].tolist()]
            for index, name in enumerate(self.model.metadata.targets)
        }
