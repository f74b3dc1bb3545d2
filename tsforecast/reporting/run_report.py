"""The report page of one run: its forecasts, errors and settings in words and charts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsforecast.data.dataset import ForecastDataset
from tsforecast.metrics import errors_per_group, errors_per_step
from tsforecast.reporting.charts import ForecastInput
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Record, Section
from tsforecast.reporting.report import write_report
from tsforecast.reporting.series_examples import example_sections
from tsforecast.stages import stage

if TYPE_CHECKING:
    from tsforecast.evaluation.evaluate import Evaluation
    from tsforecast.evaluation.result import RunResult
    from tsforecast.evaluation.scores import TestScores


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunReport:
    """What the report of a run shows in addition to its result.

    Args:
        config_yaml: The run's config.
        history: Rows of ``metrics.jsonl``.
        parameters: One row per layer.
        quantile_levels: Levels of the forecast's quantiles, None for point forecasts.
        sections: Further sections, of a job that has more to show than any run.
        formats: ``png`` and ``svg`` for the charts as pictures.
    """

    config_yaml: str
    history: Sequence[Record]
    parameters: Sequence[Record]
    quantile_levels: Sequence[float] | None = None
    sections: Sequence[Section] = ()
    formats: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class RunAdditions:
    """What a job adds to the result and the report of any run.

    Args:
        result: More entries for ``result.json``.
        sections: Further sections of the report.
    """

    result: dict[str, Any] = dataclasses.field(default_factory=dict)
    sections: list[Section] = dataclasses.field(default_factory=list)


@stage("report")
def write_run_report(
    path: Path, dataset: ForecastDataset, result: RunResult, scores: TestScores, report: RunReport
) -> None:
    """Write ``report.html``.

    Args:
        path: The page.
        dataset: Data of the run.
        result: The run's result.
        scores: Forecasts of the test split.
        report: What else to show.
    """
    # Here, so that the page's own modules need no Keras.
    from tsforecast.evaluation.evaluate import target_hours

    series, naive = dataset.series, scores.baselines["persistence"]
    hours = target_hours(dataset, scores.test)
    page = Report(
        title=f"{result.model} on {series.name}",
        result=result.to_json(),
        history=report.history,
        forecast=None if series.panel else _forecast_chart(dataset, scores, report.quantile_levels),
        by_step=_add_persistence(naive, scores.test, lambda part: errors_per_step(part.truth, part.forecast)),
        by_hour=None
        if series.panel is not None and not series.panel.has_clock
        else _add_persistence(
            naive, scores.test, lambda part: errors_per_group(part.truth, part.forecast, hours)
        ),
        config_yaml=report.config_yaml,
        parameters=report.parameters,
        notes=[*series.notes, split_note(dataset)],
        step_seconds=0 if series.grid.step.is_calendar else series.step,
        sections=[*example_sections(dataset, scores), *report.sections],
    )
    write_report(path, page, report.formats)


def _forecast_chart(
    dataset: ForecastDataset, scores: TestScores, levels: Sequence[float] | None
) -> ForecastInput:
    """Return the first step of the test forecasts, as the chart takes them."""
    series, test, first_step = dataset.series, scores.test, 0
    chart: ForecastInput = {
        "time": series.time[test.ends + dataset.window["lead"]],
        "timezone": series.clock.timezone if series.clock.is_utc else "",
        "truth": test.truth[:, first_step],
        "forecast": test.forecast[:, first_step],
        "target": list(series.targets),
        "unit": series.unit,
        "baselines": {"persistence": scores.baselines["persistence"].forecast[:, first_step]},
    }
    if test.quantiles is not None and levels is not None:
        chart |= {
            "lower": test.quantiles[:, first_step, :, 0],
            "upper": test.quantiles[:, first_step, :, -1],
            "interval": f"{levels[0]:g} to {levels[-1]:g} quantile",
        }
    return chart


def _add_persistence(
    persistence: Evaluation, test: Evaluation, score: Callable[[Evaluation], dict[str, Any]]
) -> dict[str, Any]:
    """Return the scores of a model, with those of persistence as ``persistence/rmse`` and ``persistence/mae``."""
    baseline = score(persistence)
    return score(test) | {f"persistence/{name}": baseline[name] for name in ("rmse", "mae")}


def split_note(dataset: ForecastDataset) -> str:
    """Return one sentence about how the rows are split and scaled."""
    series, parts = dataset.series, []
    if series.panel is not None:
        sizes = ", ".join(f"{name} {len(dataset.windows(name)):,}" for name in ("train", "val", "test"))
        levels = "each series by its own training rows" if dataset.scaler.levels else "all series together"
        return f"{len(series.panel):,} series, scaled {levels}; windows: {sizes}."
    for name, (first, stop) in zip(("train", "val", "test"), dataset.borders, strict=True):
        start, end = series.clock.format(series.time[[first, stop - 1]])
        parts.append(f"{name} {start} to {end} ({len(dataset.windows(name)):,} windows)")
    return f"Split by time, scaled by the training rows: {'; '.join(parts)}."
