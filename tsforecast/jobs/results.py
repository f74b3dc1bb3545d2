"""What a finished run leaves: test figures from the saved model, result.json, the report, and a few printed lines."""

import importlib
import json
import pkgutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tsforecast import metrics
from tsforecast.config import Config, stem
from tsforecast.config.build import as_yaml
from tsforecast.data.prepare import Prepared
from tsforecast.data.series import Series
from tsforecast.errors import UserError
from tsforecast.runtime import give_back_memory, peak_memory_mb
from tsforecast.tracking.run_folder import RunFolder, git_commit
from tsforecast.window_errors import WindowErrors


def write(
    config: Config, prepared: Prepared, folder: RunFolder, facts: dict[str, Any], tracked: Any, began: float
) -> None:
    """Scores the best model on the test split, writes ``result.json`` and ``report.html``, prints the folder last."""
    from tsforecast.evaluation import baselines, evaluate
    from tsforecast.models.fitted import saved_path
    from tsforecast.rules.effect import rule_effects

    give_back_memory()
    model = load_model(folder.best)
    evaluation, naive = evaluate(model, prepared, "test"), baselines(prepared, "test")
    history = folder.read_metrics()
    figures = test_figures(evaluation, naive)
    figures |= spike_figures(config, prepared, model, evaluation, figures["metrics"])
    figures |= {"rules": rule_effects(model, prepared), "explanation": explanation(config, prepared, model)}
    result = {
        "status": "done",
        "model": stem(config.model),
        "params": model.count_params(),
        "users_estimate": model.users_estimate,
        "seconds": time.monotonic() - began,
        **figures,
        **provenance(config, prepared.series, facts),
        "training": {key: facts[key] for key in ("ended", "best_step", "training_seconds")},
    }
    best = min(
        history, key=lambda row: row["val/loss"] if row["val/loss"] is not None else np.inf, default={}
    )
    result["metrics"] = {key: value for key, value in best.items() if key.startswith("val/")} | result[
        "metrics"
    ]
    _write_report(config, prepared, folder, result, history, evaluation, naive, parameters(model))
    WindowErrors.of(evaluation.ends, evaluation.truth, evaluation.forecast).save(folder.path / "errors.npz")
    folder.write_json("result.json", result)
    tracked.summary(
        {key: result[key] for key in ("status", "params", "seconds", "metrics", "baselines", "skill")}
    )
    _plot_newest(tracked, prepared, evaluation)
    tracked.page("report", folder.report)
    tracked.artifact(saved_path(folder.best), name=folder.path.name, kind="model", metadata=result["metrics"])
    print_figures(result)
    print(folder.path, flush=True)


def provenance(config: Config, series: Series, facts: dict[str, Any]) -> dict[str, Any]:
    """What figures hang on, as ``result.json`` holds it: window, data, seed, device, versions, commit."""
    window = config.window
    return {
        "unit": series.unit,
        "window": {"lookback": window.lookback, "lead": window.lead, "horizon": window.horizon},
        "data": {"name": series.name, "hash": series.data_hash(), "rows": len(series)},
        "seed": config.seed,
        "device": facts["device_name"],
        "policy": facts["policy"],
        "versions": facts["versions"],
        "commit": git_commit(),
        "peak_memory_mb": peak_memory_mb(),
    }


def _plot_newest(tracked: Any, prepared: Prepared, evaluation: Any, shown: int = 1440) -> None:
    """Forecast and truth of the first target over the newest windows, in the tracker's own plot."""
    x = ((evaluation.ends[-shown:] - evaluation.ends[-1]) * prepared.series.step / 60).tolist()
    lines = {"truth": evaluation.truth, "forecast": evaluation.forecast}
    newest = {name: values[-shown:, 0, 0].astype(float).tolist() for name, values in lines.items()}
    title = f"{prepared.series.targets[0]}, newest of the test split"
    tracked.forecast_plot("forecast", x, newest, x_name="minutes before the last forecast", title=title)


def test_figures(evaluation: Any, naive: dict[str, Any]) -> dict[str, Any]:
    """``metrics``, ``baselines`` and ``skill`` on the test split, as ``result.json`` holds them."""
    from tsforecast.evaluation import prefixed

    rmse = evaluation.figures["rmse"]
    return {
        "metrics": prefixed(evaluation.figures, "test"),
        "baselines": {name: prefixed(baseline.figures, "test") for name, baseline in naive.items()},
        "skill": {name: metrics.skill(rmse, baseline.figures["rmse"]) for name, baseline in naive.items()},
    }


def spike_figures(
    config: Config, prepared: Prepared, model: Any, evaluation: Any, figures: dict[str, float]
) -> dict[str, Any]:
    """``spikes``, the scorecard on the test split, and ``metrics`` with its headline figures added to ``figures``."""
    from tsforecast.evaluation import prefixed
    from tsforecast.spike_evaluation import spike_metrics, spike_scores

    rule = config.spike
    found = spike_scores(model, prepared, evaluation, min_gap=rule.min_gap, tolerance=rule.tolerance)
    return {"metrics": figures | prefixed(spike_metrics(found), "test"), "spikes": found}


def explanation(config: Config, prepared: Prepared, model: Any) -> dict[str, Any] | None:
    """The permutation importances of ``explanation.explain``; None where the config asks for none."""
    from tsforecast.explanation import explain

    asked = config.report
    if not asked.explain:
        return None
    return explain(
        model, prepared, windows=asked.explain_windows, repeats=asked.explain_repeats, seed=config.seed
    )


def load_model(path: Path) -> Any:
    """Loads a saved forecaster, be it ``best.keras`` or a fitted model's file in its place.

    Raises:
        UserError: there is none.
    """
    import keras

    from tsforecast.models.fitted import SUFFIX, load_fitted, saved_path

    saved = saved_path(path)
    if saved.suffix == SUFFIX:
        return load_fitted(saved)
    if not path.is_file():
        raise UserError(
            f"{path.parent} holds no {path.name}: the run has not reached its first validation yet."
        )
    _import_models()
    return keras.saving.load_model(path, compile=False)


def _import_models() -> None:
    """Imports every model file, so that Keras finds the class by its name: a fresh process has imported none."""
    from tsforecast import models

    for module in pkgutil.iter_modules(models.__path__, f"{models.__name__}."):
        importlib.import_module(module.name)


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


def parameters(model: Any) -> list[dict[str, Any]]:
    """A row a layer that has weights: name, output shape, parameters."""
    from tsforecast.models.fitted import FittedModel

    if isinstance(model, FittedModel):
        return model.parameter_rows()
    rows = []
    for layer in model.layers:
        if layer.count_params():
            shape = getattr(layer.output, "shape", "")
            rows.append(
                {
                    "layer": layer.name,
                    "shape": " x ".join(map(str, shape[1:])),
                    "params": layer.count_params(),
                }
            )
    return rows


def print_notes(prepared: Prepared) -> None:
    """What was read and mended, and the splits."""
    series = prepared.series
    print(
        f"{series.name}: {len(series):,} rows, {len(series.features)} features, {series.time[0]} to {series.time[-1]}"
    )
    for note in series.notes:
        print(f"  {note}")
    sizes = ", ".join(f"{name} {len(prepared.windows(name)):,}" for name in ("train", "val", "test"))
    print(f"  windows: {sizes}", flush=True)


def print_model(model: Any, facts: dict[str, Any]) -> None:
    """The parameters by layer, the count beside the users' estimate, and which path each recurrent layer takes."""
    from tsforecast.layers.recurrent import recurrent_paths
    from tsforecast.models.fitted import FittedModel

    if isinstance(model, FittedModel):
        return
    for row in parameters(model):
        print(f"  {row['layer']:<22}{row['shape']:<18}{row['params']:>10,}")
    said = model.users_estimate
    beside = f" (the users' estimate: {said:,})" if said else ""
    print(
        f"{model.name}: {model.count_params():,} parameters{beside}, {facts['policy']}, {facts['device_name']}",
        flush=True,
    )
    paths = recurrent_paths(model)
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


def _write_report(
    config: Config,
    prepared: Prepared,
    folder: RunFolder,
    result: dict[str, Any],
    history: list[dict[str, Any]],
    evaluation: Any,
    naive: dict[str, Any],
    rows: list[dict[str, Any]],
) -> None:
    from tsforecast.evaluation import target_hours
    from tsforecast.explanation import explanation_bars
    from tsforecast.reporting.report import write_report
    from tsforecast.rules.effect import rule_tables
    from tsforecast.spike_evaluation import spike_tables

    series, first_step = prepared.series, 0
    hours = target_hours(prepared, evaluation)
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
        history=history,
        forecast=forecast,
        by_step=_beside(naive, evaluation, lambda found: metrics.by_step(found.truth, found.forecast)),
        by_hour=_beside(
            naive, evaluation, lambda found: metrics.by_group(found.truth, found.forecast, hours)
        ),
        config_yaml=as_yaml(config),
        parameters=rows,
        notes=[*series.notes, split_note(prepared)],
        tables=[*spike_tables(result["spikes"], series.unit), *rule_tables(result["rules"], series.unit)],
        bars=explanation_bars(result["explanation"], series.unit, series.step),
    )


def _beside(naive: dict[str, Any], evaluation: Any, score: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """The scores of a model, with persistence's beside them as ``persistence/rmse`` and the like."""
    baseline = score(naive["persistence"])
    return score(evaluation) | {f"persistence/{name}": baseline[name] for name in ("rmse", "mae")}


def split_note(prepared: Prepared) -> str:
    """How the rows are split and scaled, in one sentence."""
    time = prepared.series.time
    parts = [
        f"{name} {time[first]} to {time[stop - 1]} ({len(prepared.windows(name)):,} windows)"
        for name, (first, stop) in zip(("train", "val", "test"), prepared.borders, strict=True)
    ]
    return f"Split by time, scaled by the training rows: {'; '.join(parts)}."
