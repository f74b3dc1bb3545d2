"""What a finished run leaves: test figures from the saved model, result.json, the report, and a few printed lines."""

import dataclasses
import json
import time
from typing import Any

import numpy as np

from tsforecast import metrics
from tsforecast.config import Config, stem
from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.identity import DataIdentity
from tsforecast.data.series import Series
from tsforecast.data.splits import Borders
from tsforecast.errors import UserError
from tsforecast.jobs.run_report import write_run_report
from tsforecast.metrics.window_errors import WindowErrors
from tsforecast.runtime import RuntimeInfo, give_back_memory, peak_memory_mb
from tsforecast.tracking.protocol import Tracker
from tsforecast.tracking.run_folder import RunFolder, git_commit


@dataclasses.dataclass(frozen=True)
class Findings:
    """What a job adds to the result and the report of a run.

    Args:
        result: for ``result.json``.
        tables: for the report, as ``write_report`` takes them.
        charts: for the report, as ``write_report`` takes them.
    """

    result: dict[str, Any] = dataclasses.field(default_factory=dict)
    tables: list[Any] = dataclasses.field(default_factory=list)
    charts: list[Any] = dataclasses.field(default_factory=list)


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
    from tsforecast.evaluation.evaluate import baselines, evaluate
    from tsforecast.evaluation.rule_effects import rule_effects
    from tsforecast.models.io import load_model, saved_path

    give_back_memory()
    findings = findings or Findings()
    model = load_model(folder.best) if scored is None else scored.model
    evaluation = evaluate(model, dataset, "test") if scored is None else scored.test
    validation, naive = getattr(scored, "validation", None), baselines(dataset, "test")
    history = folder.read_metrics()
    figures = test_figures(evaluation, naive)
    figures |= spike_figures(config, dataset, model, evaluation, figures["metrics"], validation)
    figures |= {"rules": rule_effects(model, dataset), "explanation": explanation(config, dataset, model)}
    result = {
        "status": "done",
        "model": stem(config.model),
        "params": model.count_params(),
        "users_estimate": model.nominal_params,
        "seconds": time.monotonic() - began,
        **figures,
        "latency_ms": latency(model, dataset) if config.report.latency else None,
        **provenance(config, dataset.series, facts, dataset.borders),
        "training": outcome,
        **findings.result,
    }
    best = min(
        history, key=lambda row: row["val/loss"] if row["val/loss"] is not None else np.inf, default={}
    )
    found = {key: value for key, value in best.items() if key.startswith("val/")}
    result["metrics"] = found | result["metrics"]
    write_run_report(
        config,
        dataset,
        folder,
        result,
        evaluation,
        naive,
        model.parameter_rows(),
        tables=findings.tables,
        charts=findings.charts,
    )
    WindowErrors.from_forecasts(evaluation.ends, evaluation.truth, evaluation.forecast).save(
        folder.path / "errors.npz"
    )
    folder.write_json("result.json", result)
    tracked.summary(
        {key: result[key] for key in ("status", "params", "seconds", "metrics", "baselines", "skill")}
    )
    _plot_newest(tracked, dataset, evaluation)
    tracked.page("report", folder.report)
    tracked.artifact(saved_path(folder.best), name=folder.path.name, kind="model", metadata=result["metrics"])
    print_figures(result)
    print(folder.path, flush=True)


def latency(model: Any, dataset: ForecastDataset) -> dict[str, float]:
    """Milliseconds of a warm forecast of one window: ``median``, ``low`` and ``high`` (quartiles), ``calls``."""
    from tsforecast.inference.predict import forecast
    from tsforecast.timing import seconds_per_call

    windows = dataset.windows("test", limit=1)
    found = seconds_per_call(lambda: forecast(model, windows), seconds=0.5)
    return {name: 1000 * found[name] for name in ("median", "low", "high")} | {"calls": found["calls"]}


def provenance(config: Config, series: Series, facts: RuntimeInfo, parts: Borders = ()) -> dict[str, Any]:
    """What figures hang on, as ``result.json`` holds it: window, data, seed, device, versions, commit."""
    window = config.window
    return {
        "unit": series.unit,
        "window": {"lookback": window.lookback, "lead": window.lead, "horizon": window.horizon},
        "data": DataIdentity.from_series(series, parts).to_dict(),
        "seed": config.seed,
        "device": facts.device_name,
        "policy": facts.policy,
        "versions": facts.versions,
        "commit": git_commit(),
        "peak_memory_mb": peak_memory_mb(),
    }


def _plot_newest(tracked: Tracker, dataset: ForecastDataset, evaluation: Any, shown: int = 1440) -> None:
    """Forecast and truth of the first target over the newest windows, in the tracker's own plot."""
    x = ((evaluation.ends[-shown:] - evaluation.ends[-1]) * dataset.series.step / 60).tolist()
    lines = {"truth": evaluation.truth, "forecast": evaluation.forecast}
    newest = {name: values[-shown:, 0, 0].astype(float).tolist() for name, values in lines.items()}
    title = f"{dataset.series.targets[0]}, newest of the test split"
    tracked.forecast_plot("forecast", x, newest, x_name="minutes before the last forecast", title=title)


def test_figures(evaluation: Any, naive: dict[str, Any]) -> dict[str, Any]:
    """``metrics``, ``baselines`` and ``skill`` on the test split, as ``result.json`` holds them."""
    from tsforecast.evaluation.evaluate import prefixed

    rmse = evaluation.figures["rmse"]
    return {
        "metrics": prefixed(evaluation.figures, "test"),
        "baselines": {name: prefixed(baseline.figures, "test") for name, baseline in naive.items()},
        "skill": {name: metrics.skill(rmse, baseline.figures["rmse"]) for name, baseline in naive.items()},
    }


def spike_figures(
    config: Config,
    dataset: ForecastDataset,
    model: Any,
    evaluation: Any,
    figures: dict[str, float],
    validation: Any = None,
) -> dict[str, Any]:
    """``spikes``, the scorecard on the test split, and ``metrics`` with its headline figures added to ``figures``.

    Nothing is added where the config asks for no scorecard.
    """
    from tsforecast.evaluation.evaluate import prefixed
    from tsforecast.evaluation.spikes import spike_metrics, spike_scores

    if not config.report.spikes:
        return {"metrics": figures, "spikes": {}}
    rule = config.spike
    options = {"min_gap": rule.min_gap, "tolerance": rule.tolerance, "validation": validation}
    found = spike_scores(model, dataset, evaluation, **options)
    return {"metrics": figures | prefixed(spike_metrics(found), "test"), "spikes": found}


def explanation(config: Config, dataset: ForecastDataset, model: Any) -> dict[str, Any] | None:
    """The permutation importances of ``explanation.explain``; None where the config asks for none."""
    from tsforecast.evaluation.importance import explain

    asked = config.report
    if not asked.explain:
        return None
    return explain(
        model, dataset, windows=asked.explain_windows, repeats=asked.explain_repeats, seed=config.seed
    )


def read(folder: RunFolder) -> dict[str, Any]:
    """The result of a finished run.

    Raises:
        UserError: there is none.
    """
    if not folder.result.is_file():
        raise UserError(
            f"{folder.path} holds no result.json: the run has not finished; go on with resume={folder.path}."
        )
    return json.loads(folder.result.read_text())


def print_notes(dataset: ForecastDataset) -> None:
    """What was read and mended, and the splits."""
    series = dataset.series
    print(
        f"{series.name}: {len(series):,} rows, {len(series.features)} features, {series.time[0]} to {series.time[-1]}"
    )
    for note in series.notes:
        print(f"  {note}")
    sizes = ", ".join(f"{name} {len(dataset.windows(name)):,}" for name in ("train", "val", "test"))
    print(f"  windows: {sizes}", flush=True)


def print_model(model: Any, facts: RuntimeInfo) -> None:
    """The parameters by layer, the count beside the users' estimate, and which path each recurrent layer takes."""
    from tsforecast.models.estimator import Estimator

    if isinstance(model, Estimator):
        return
    for row in model.parameter_rows():
        print(f"  {row['layer']:<22}{row['shape']:<18}{row['params']:>10,}")
    said = model.nominal_params
    beside = f" (the users' estimate: {said:,})" if said else ""
    print(
        f"{model.name}: {model.count_params():,} parameters{beside}, {facts.policy}, {facts.device_name}",
        flush=True,
    )
    print_paths(model)


def print_paths(model: Any) -> None:
    """Which path each recurrent layer of a model takes, and why not a fast one; nothing where there is none."""
    import keras

    from tsforecast.layers.recurrent import recurrent_paths

    paths = recurrent_paths(model) if isinstance(model, keras.Model) else {}
    if paths:
        print("recurrent layers: " + ", ".join(f"{name} {path}" for name, path in paths.items()), flush=True)


def print_figures(result: dict[str, Any]) -> None:
    """The test figures beside the baselines."""
    unit, found = result["unit"], result["metrics"]
    print(
        f"test RMSE {found['test/rmse']:.4f} {unit}, MAE {found['test/mae']:.4f} {unit}, in {result['seconds']:.0f} s"
    )
    for name, figures in result["baselines"].items():
        skill = result["skill"][name]
        print(
            f"  {name}: RMSE {figures['test/rmse']:.4f}, MAE {figures['test/mae']:.4f}; skill {100 * skill:+.1f} %"
        )

    for target, scores in result["spikes"].items():
        model, floor = scores["model"], scores["random"]
        print(
            f"  spikes of {target} (rise over {scores['threshold']:.3g} {unit}): average precision"
            f" {model['average_precision']:.3f} (random {floor['average_precision']:.3f}), event F1"
            f" {model['event_f1']:.3f} ({floor['event_f1']:.3f}), {model['false_alarms_per_day']:.1f} false alarms"
            " a day"
        )
