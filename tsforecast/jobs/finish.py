"""How a run ends: its model is scored, and result, report and tracker get the figures."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any, Protocol

from tsforecast.config import Config, stem
from tsforecast.config.stored import as_yaml
from tsforecast.data.dataset import ForecastDataset
from tsforecast.evaluation.provenance import describe_provenance
from tsforecast.evaluation.result import RunResult, best_validation
from tsforecast.evaluation.summary import print_result
from tsforecast.metrics.window_errors import WindowErrors
from tsforecast.reporting.run_report import RunReport, write_run_report
from tsforecast.runtime import RuntimeInfo, give_back_memory

if TYPE_CHECKING:
    from tsforecast.evaluation.evaluate import Evaluation
    from tsforecast.evaluation.scores import TestScores
    from tsforecast.models.protocol import Model
    from tsforecast.reporting.elements import Section
    from tsforecast.tracking.protocol import Tracker
    from tsforecast.tracking.run_folder import RunFolder

PLOT_WINDOWS = 1440  # newest forecasts in the tracker's own plot


class Scored(Protocol):
    """A model with its forecasts of the test split, where a job has made them already."""

    @property
    def model(self) -> Model:
        """The model."""

    @property
    def test(self) -> Evaluation:
        """Its forecasts of the test split."""

    @property
    def validation(self) -> Evaluation | None:
        """Its forecasts of the newest validation windows, None if not available."""


@dataclasses.dataclass(frozen=True)
class ScoredModel:
    """A model with its forecasts, see `Scored`."""

    model: Model
    test: Evaluation
    validation: Evaluation | None = None


@dataclasses.dataclass(frozen=True)
class RunAdditions:
    """What a job adds to the result and the report of any run.

    Args:
        result: More entries for ``result.json``.
        sections: Further sections of the report.
    """

    result: dict[str, Any] = dataclasses.field(default_factory=dict)
    sections: list[Section] = dataclasses.field(default_factory=list)


def finish_run(
    config: Config,
    dataset: ForecastDataset,
    folder: RunFolder,
    runtime: RuntimeInfo,
    outcome: dict[str, Any],
    tracker: Tracker,
    began: float,
    *,
    scored: Scored | None = None,
    findings: RunAdditions | None = None,
) -> None:
    """Score the best model on the test split, write ``result.json`` and ``report.html``, and print the figures.

    Args:
        config: Config of the run.
        dataset: Data of the run.
        folder: Folder of the run.
        runtime: What ``build.set_up_runtime`` returned.
        outcome: ``ended``, ``best_step`` and ``training_seconds``.
        tracker: The tracker.
        began: Start of the run, as ``time.monotonic`` gives it.
        scored: Model and forecasts; None loads and scores the folder's best model.
        findings: More for the result and the report.
    """
    from tsforecast.evaluation.scores import score_model
    from tsforecast.models.io import load_model, saved_path

    give_back_memory()
    findings = findings or RunAdditions()
    model = load_model(folder.best) if scored is None else scored.model
    scores = score_model(
        model,
        dataset,
        config.spike if config.report.spikes else None,
        test=None if scored is None else scored.test,
        validation=None if scored is None else scored.validation,
    )
    history = folder.read_metrics()
    result = RunResult(
        status="done",
        model=stem(config.model),
        params=model.count_params(),
        users_estimate=model.nominal_params,
        seconds=time.monotonic() - began,
        **_measure(config, dataset, model, scores, history),
        **describe_provenance(dataset.series, dataset.borders, dataset.window, config.seed, runtime),
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
    tracker.summary(result.summary())
    _plot_newest(tracker, dataset, test)
    tracker.page("report", folder.report)
    name, metrics = folder.path.name, result.metrics
    tracker.artifact(saved_path(folder.best), name=name, kind="model", metadata=metrics)
    print_result(result)
    print(folder.path, flush=True)


def _measure(
    config: Config,
    dataset: ForecastDataset,
    model: Model,
    scores: TestScores,
    history: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return the fields of a `RunResult` that are measured on the model."""
    from tsforecast.evaluation.importance import explain
    from tsforecast.evaluation.latency import measure_latency
    from tsforecast.evaluation.rule_effects import rule_effects

    options, fields = config.report, dict(scores.to_fields())
    fields["metrics"] = best_validation(history) | scores.to_fields()["metrics"]
    fields["rules"] = rule_effects(model, dataset)
    if options.explain:
        windows, repeats = options.explain_windows, options.explain_repeats
        fields["explanation"] = explain(model, dataset, windows=windows, repeats=repeats, seed=config.seed)
    if options.latency:
        fields["latency_ms"] = measure_latency(model, dataset)
    return fields


def _plot_newest(tracker: Tracker, dataset: ForecastDataset, test: Evaluation) -> None:
    """Plot forecast and truth of the first target over the newest windows in the tracker."""
    ends = test.ends[-PLOT_WINDOWS:]
    minutes = ((ends - ends[-1]) * dataset.series.step / 60).tolist()
    lines = {"truth": test.truth, "forecast": test.forecast}
    newest = {name: values[-PLOT_WINDOWS:, 0, 0].astype(float).tolist() for name, values in lines.items()}
    title = f"{dataset.series.targets[0]}, newest of the test split"
    tracker.forecast_plot("forecast", minutes, newest, x_name="minutes before the last forecast", title=title)
