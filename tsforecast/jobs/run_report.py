"""The report page of one run: its forecasts, errors and settings, put into words and charts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tsforecast import metrics
from tsforecast.config import Config, stem
from tsforecast.config.stored import as_yaml
from tsforecast.data.dataset import ForecastDataset
from tsforecast.tracking.run_folder import RunFolder


def write_run_report(
    config: Config,
    dataset: ForecastDataset,
    folder: RunFolder,
    result: dict[str, Any],
    evaluation: Any,
    naive: dict[str, Any],
    parameters: Sequence[Mapping[str, Any]],
    *,
    tables: Sequence[Any] = (),
    charts: Sequence[Any] = (),
) -> None:
    """Writes ``report.html``.

    Args:
        config: of the run.
        dataset: the data.
        folder: of the run, with its history.
        result: as ``result.json`` holds it.
        evaluation: on the test split.
        naive: of ``evaluation.baselines``.
        parameters: a row a layer.
        tables: more of them, shown before those of any run.
        charts: more of them.
    """
    from tsforecast.evaluation.evaluate import target_hours
    from tsforecast.evaluation.importance import explanation_bars
    from tsforecast.evaluation.rule_effects import rule_tables
    from tsforecast.evaluation.spikes import spike_tables
    from tsforecast.reporting.report import write_report

    series, first_step = dataset.series, 0
    hours = target_hours(dataset, evaluation)
    forecast = {
        "time": series.time[evaluation.ends + config.window.lead],
        "truth": evaluation.truth[:, first_step],
        "forecast": evaluation.forecast[:, first_step],
        "target": list(series.targets),
        "unit": series.unit,
        "baselines": {"persistence": naive["persistence"].forecast[:, first_step]},
    }
    if evaluation.quantiles is not None:
        levels = config.loss["quantile_levels"]
        forecast |= {
            "lower": evaluation.quantiles[:, first_step, :, 0],
            "upper": evaluation.quantiles[:, first_step, :, -1],
            "interval": f"{levels[0]:g} to {levels[-1]:g} quantile",
        }
    write_report(
        folder.report,
        title=f"{stem(config.model)} on {series.name}",
        result=result,
        history=folder.read_metrics(),
        forecast=forecast,
        by_step=_beside(
            naive, evaluation, lambda found: metrics.errors_per_step(found.truth, found.forecast)
        ),
        by_hour=_beside(
            naive, evaluation, lambda found: metrics.errors_per_group(found.truth, found.forecast, hours)
        ),
        config_yaml=as_yaml(config),
        parameters=parameters,
        notes=[*series.notes, split_note(dataset)],
        tables=[
            *tables,
            *spike_tables(result["spikes"], series.unit),
            *rule_tables(result["rules"], series.unit),
        ],
        bars=explanation_bars(result["explanation"], series.unit, series.step),
        charts=charts,
    )


def _beside(naive: dict[str, Any], evaluation: Any, score: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """The scores of a model, with persistence's beside them as ``persistence/rmse`` and the like."""
    baseline = score(naive["persistence"])
    return score(evaluation) | {f"persistence/{name}": baseline[name] for name in ("rmse", "mae")}


def split_note(dataset: ForecastDataset) -> str:
    """How the rows are split and scaled, in one sentence."""
    time = dataset.series.time
    parts = [
        f"{name} {time[first]} to {time[stop - 1]} ({len(dataset.windows(name)):,} windows)"
        for name, (first, stop) in zip(("train", "val", "test"), dataset.borders, strict=True)
    ]
    return f"Split by time, scaled by the training rows: {'; '.join(parts)}."
