"""How a run ends: its model is scored, and result, report and tracker get the figures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tsforecast.config import Config, stem
from tsforecast.config.stored import as_yaml
from tsforecast.data.dataset import ForecastDataset
from tsforecast.evaluation.provenance import describe_provenance
from tsforecast.evaluation.result import RunResult
from tsforecast.evaluation.scored_model import Scored
from tsforecast.evaluation.summary import print_result
from tsforecast.files import display_path
from tsforecast.metrics.window_errors import WindowErrors
from tsforecast.reporting.run_report import RunAdditions, RunReport, write_run_report
from tsforecast.runtime import RuntimeInfo, give_back_memory
from tsforecast.stages import seconds_by_stage
from tsforecast.tracking.run_records import report_run

if TYPE_CHECKING:
    from tsforecast.models.protocol import Model
    from tsforecast.tracking.protocol import Tracker
    from tsforecast.tracking.run_folder import RunFolder


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
    trained: Model | None = None,
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
        trained: The network that was trained, which then gets the best weights; None for a new one.
        findings: More for the result and the report.
    """
    from tsforecast.evaluation.interval_start import save_uncertainty
    from tsforecast.evaluation.measurement import measure_run
    from tsforecast.evaluation.monitoring_reference import save_inputs
    from tsforecast.evaluation.scores import score_model
    from tsforecast.models.io import load_model, saved_path

    give_back_memory()
    findings = findings or RunAdditions()
    model = load_model(folder.best, trained) if scored is None else scored.model
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
        **measure_run(model, dataset, scores, history, config.report, config.seed),
        **describe_provenance(dataset.series, dataset.parts, dataset.window, config.seed, runtime),
        stages=seconds_by_stage() or None,
        training=outcome,
        more=findings.result,
    )
    report = RunReport(
        config_yaml=as_yaml(config),
        history=history,
        parameters=model.parameter_rows(),
        quantile_levels=model.task.quantile_levels,
        sections=findings.sections,
        formats=config.report.format,
    )
    write_run_report(folder.report, dataset, result, scores, report)
    test = scores.test
    WindowErrors.from_forecasts(test.ends, test.truth, test.forecast).save(folder.path / "errors.npz")
    save_uncertainty(folder.path, model, dataset, scores.calibration)
    save_inputs(folder.path, dataset)
    result.write_with_stages(folder.path)
    report_run(tracker, folder, result, scores, dataset.series, [saved_path(folder.best)])
    print_result(result)
    print(display_path(folder.path), flush=True)
