"""How a run ends: test figures from the saved model, result.json, the report, and a few printed lines."""

import dataclasses
import time
from typing import Any

from tsforecast.config import Config, stem
from tsforecast.config.stored import as_yaml
from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.series import Series
from tsforecast.data.splits import Borders
from tsforecast.evaluation.provenance import describe_provenance
from tsforecast.evaluation.result import RunResult, best_validation
from tsforecast.evaluation.summary import print_data as print_notes
from tsforecast.evaluation.summary import print_model, print_result
from tsforecast.evaluation.summary import print_recurrent_paths as print_paths
from tsforecast.metrics.window_errors import WindowErrors
from tsforecast.reporting.elements import Section
from tsforecast.reporting.run_report import RunReport, write_run_report
from tsforecast.runtime import RuntimeInfo, give_back_memory
from tsforecast.tracking.protocol import Tracker
from tsforecast.tracking.run_folder import RunFolder

__all__ = ["Findings", "latency", "print_model", "print_notes", "print_paths", "provenance", "read", "write"]


@dataclasses.dataclass(frozen=True)
class Findings:
    """What a job adds to the result and the report of a run.

    Args:
        result: for ``result.json``.
        sections: Further sections of the report.
    """

    result: dict[str, Any] = dataclasses.field(default_factory=dict)
    sections: list[Section] = dataclasses.field(default_factory=list)


def write(
    config: Config,
    dataset: ForecastDataset,
    folder: RunFolder,
    facts: RuntimeInfo,
    outcome: dict[str, Any],
    tracked: Tracker,
    began: float,
    *,
    scored: Any = None,
    findings: Findings | None = None,
) -> None:
    """Scores the best model on the test split, writes ``result.json`` and ``report.html``, prints the folder last.

    Args:
        config: of the run.
        dataset: the data.
        folder: of the run.
        facts: what ``build.set_up_runtime`` returned.
        outcome: ``ended``, ``best_step`` and ``training_seconds``.
        tracked: the tracker.
        began: when the run did, by ``time.monotonic``.
        scored: ``model``, ``test`` and ``validation`` where they were scored already; else the folder's best model is.
        findings: more for the result and the report.
    """
    from tsforecast.evaluation.importance import explain
    from tsforecast.evaluation.latency import measure_latency
    from tsforecast.evaluation.rule_effects import rule_effects
    from tsforecast.evaluation.scores import score_model
    from tsforecast.models.io import load_model, saved_path

    give_back_memory()
    findings = findings or Findings()
    options = config.report
    model = load_model(folder.best) if scored is None else scored.model
    scores = score_model(
        model,
        dataset,
        config.spike if options.spikes else None,
        test=getattr(scored, "test", None),
        validation=getattr(scored, "validation", None),
    )
    history, figures = folder.read_metrics(), scores.to_fields()
    figures["metrics"] = best_validation(history) | figures["metrics"]
    explanation = None
    if options.explain:
        explanation = explain(
            model, dataset, windows=options.explain_windows, repeats=options.explain_repeats, seed=config.seed
        )
    result = RunResult(
        status="done",
        model=stem(config.model),
        params=model.count_params(),
        users_estimate=model.nominal_params,
        seconds=time.monotonic() - began,
        **figures,
        rules=rule_effects(model, dataset),
        explanation=explanation,
        latency_ms=measure_latency(model, dataset) if options.latency else None,
        **provenance(config, dataset.series, facts, dataset.borders),
        training=outcome,
        more=findings.result,
    )
    report = RunReport(
        config_yaml=as_yaml(config),
        history=history,
        parameters=model.parameter_rows(),
        quantile_levels=model.task.quantile_levels,
        sections=findings.sections,
    )
    write_run_report(folder.report, dataset, result, scores, report)
    test = scores.test
    WindowErrors.from_forecasts(test.ends, test.truth, test.forecast).save(folder.path / "errors.npz")
    result.write(folder.path)
    tracked.summary(result.summary())
    _plot_newest(tracked, dataset, test)
    tracked.page("report", folder.report)
    tracked.artifact(saved_path(folder.best), name=folder.path.name, kind="model", metadata=result.metrics)
    print_result(result)
    print(folder.path, flush=True)


def latency(model: Any, dataset: ForecastDataset) -> dict[str, float]:
    """Milliseconds of a warm forecast of one window."""
    from tsforecast.evaluation.latency import measure_latency

    return measure_latency(model, dataset)


def provenance(config: Config, series: Series, facts: RuntimeInfo, parts: Borders = ()) -> dict[str, Any]:
    """What the figures of a run depend on."""
    window = dataclasses.asdict(config.window)
    return dict(describe_provenance(series, parts, window, config.seed, facts))


def read(folder: RunFolder) -> dict[str, Any]:
    """The result of a finished run."""
    return RunResult.read(folder.result).to_json()


def _plot_newest(tracked: Tracker, dataset: ForecastDataset, evaluation: Any, shown: int = 1440) -> None:
    """Forecast and truth of the first target over the newest windows, in the tracker's own plot."""
    x = ((evaluation.ends[-shown:] - evaluation.ends[-1]) * dataset.series.step / 60).tolist()
    lines = {"truth": evaluation.truth, "forecast": evaluation.forecast}
    newest = {name: values[-shown:, 0, 0].astype(float).tolist() for name, values in lines.items()}
    title = f"{dataset.series.targets[0]}, newest of the test split"
    tracked.forecast_plot("forecast", x, newest, x_name="minutes before the last forecast", title=title)
