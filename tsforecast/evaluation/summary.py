"""The printed lines of a run: its data, its model and its test figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.series import Series
from tsforecast.evaluation.result import RunResult
from tsforecast.formatting import is_finite
from tsforecast.metrics.formatting import format_skill, format_value

if TYPE_CHECKING:
    from tsforecast.models.protocol import Model
    from tsforecast.runtime import RuntimeInfo


def print_data(dataset: ForecastDataset) -> None:
    """Print what was read and repaired, and the sizes of the splits."""
    series = dataset.series
    print(f"{series.name}: {describe_rows(series)}, {len(series.features)} features{_span(series)}")
    for line in series.recipe.describe() if series.recipe else ():
        print(f"  {line}")
    for note in series.notes:
        print(f"  {note}")
    sizes = ", ".join(f"{name} {len(dataset.windows(name)):,}" for name in ("train", "val", "test"))
    print(f"  windows: {sizes}", flush=True)


def describe_rows(series: Series) -> str:
    """Return the number of rows, and of the series of a panel.

    Example:
        >>> from tsforecast.data.sources.synthetic import load
        >>> describe_rows(load(rows=1000))
        '1,000 rows'
    """
    rows = f"{len(series):,} rows"
    if series.panel is None:
        return rows
    lengths = series.panel.lengths
    return f"{rows} of {len(lengths):,} series with {lengths.min():,} to {lengths.max():,} rows"


def _span(series: Series) -> str:
    """Return the first and the last time, if the times are those of a clock."""
    if series.panel is None:
        first, last = series.clock.format(series.time[[0, -1]])
    elif series.panel.has_clock:
        first, last = series.clock.format(np.array([series.time.min(), series.time.max()]))
    else:
        return ""
    return f", {first} to {last}"


def print_model(model: Model, runtime: RuntimeInfo) -> None:
    """Print the parameters of each layer, their number, and the path that each recurrent layer takes."""
    from tsforecast.models.estimator import Estimator

    if isinstance(model, Estimator):
        return
    for row in model.parameter_rows():
        print(f"  {row['layer']:<22}{row['shape']:<18}{row['params']:>10,}")
    nominal = f" (originally estimated: {model.nominal_params:,})" if model.nominal_params else ""
    print(
        f"{model_label(model)}: {model.count_params():,} parameters{nominal}, {runtime.policy}, {runtime.device_name}",
        flush=True,
    )
    print_recurrent_paths(model)


def model_label(model: Model) -> str:
    """Return the name by which ``model=NAME`` chooses a model; Keras makes another one of the class."""
    package, _, name = type(model).__module__.rpartition(".")
    return name if package == "tsforecast.models" else model.name


def print_recurrent_paths(model: Model) -> None:
    """Print which path each recurrent layer takes, and why it is not a fast one; nothing for other models."""
    import keras

    from tsforecast.layers.recurrent import recurrent_paths

    paths = recurrent_paths(model) if isinstance(model, keras.Model) else {}
    if paths:
        print("recurrent layers: " + ", ".join(f"{name} {path}" for name, path in paths.items()), flush=True)


def print_result(result: RunResult) -> None:
    """Print the test figures next to those of the baselines."""
    print("\n".join(result_lines(result)), flush=True)


def result_lines(result: RunResult) -> list[str]:
    """Return the lines that `print_result` prints.

    Args:
        result: Result of a run with test figures.

    Example:
        >>> result = RunResult(
        ...     status="done",
        ...     seconds=3.2,
        ...     metrics={"test/rmse": 0.5, "test/mae": 0.4},
        ...     baselines={"persistence": {"test/rmse": 0.8, "test/mae": 0.5}},
        ...     skill={"persistence": 0.375},
        ... )
        >>> for line in result_lines(result):
        ...     print(line)
        test RMSE 0.5000, MAE 0.4000, in 3 s
          persistence: RMSE 0.8000, MAE 0.5000; skill +37.5 %
    """
    unit, metrics = result.unit or "", result.metrics or {}
    lines = [f"test {_errors(metrics, unit)}, in {result.seconds or 0:.0f} s"]
    for name, figures in (result.baselines or {}).items():
        lines.append(f"  {name}: {_errors(figures)}; {format_skill((result.skill or {}).get(name))}")
    if result.series:
        lines.append(f"  {_series_line(metrics, len(result.series))}")
    for target, scores in (result.targets or {}).items():
        lines.append(f"  {target}: {_errors(scores['metrics'], unit)}")
    if result.mixes_units:
        lines.append(f"  {mixed_units_note(metrics)}")
    return lines + [_spike_line(target, card, unit) for target, card in (result.spikes or {}).items()]


def _series_line(metrics: Mapping[str, float], count: int) -> str:
    """Return the figures that compare series of any level."""
    names = {"mase": "MASE", "smape": "sMAPE", "wape": "WAPE", "rmsse": "RMSSE", "owa": "OWA"}
    values = {label: metrics[f"test/{name}"] for name, label in names.items()}
    figures = [f"{label} {value:.4g}" for label, value in values.items() if is_finite(value)]
    undefined = [label for label, value in values.items() if not is_finite(value)]
    why = (
        f"; {', '.join(undefined)} not defined, which need more than a season of training rows"
        if undefined
        else ""
    )
    coverage = metrics.get("test/interval_coverage")
    inside = "" if coverage is None else f"; {coverage:.1%} of the truths in their 90% intervals"
    return f"{count:,} series: {', '.join(figures)}{inside}{why}"


def mixed_units_note(metrics: Mapping[str, float]) -> str:
    """Return the caution for overall errors over targets without a common unit."""
    return (
        "The overall RMSE and MAE mix the units of the targets; the RMSE of the scaled values,"
        f" {metrics['test/rmse_scaled']:.4f}, is the comparable one."
    )


def metric_lines(metrics: Mapping[str, float]) -> list[str]:
    """Return a line for each metric; ``evaluation.json`` has all digits.

    Example:
        >>> metric_lines({"test/rmse": 1.5818364417586155, "test/r2": 0.9876})
        ['test/rmse  1.58184', 'test/r2    0.9876']
    """
    width = max(map(len, metrics), default=0)
    return [f"{name:<{width}}  {value:.6g}" for name, value in metrics.items()]


def compare_metrics(now: Mapping[str, float], before: Mapping[str, float | None]) -> str:
    """Return one sentence about how metrics differ from those of the run.

    A metric without a value is NaN as it is computed, and None once it has been written as JSON.

    Example:
        >>> compare_metrics({"test/rmse": 0.5}, {"test/rmse": 0.25, "val/rmse": 0.3})
        "Differs from the run's result: test/rmse was 0.25"
    """

    def was(name: str, value: float) -> str:
        short, old = f"{value:.6g}", before[name]
        return repr(old) if old is None or f"{old:.6g}" == short else f"{old:.6g}"

    differing = [
        f"{name} was {was(name, value)}"
        for name, value in now.items()
        if name in before and before[name] != (None if math.isnan(value) else value)
    ]
    return (
        f"Differs from the run's result: {'; '.join(differing)}"
        if differing
        else "Equal to the run's result."
    )


def _errors(metrics: Mapping[str, float], unit: str = "") -> str:
    return f"RMSE {format_value(metrics['test/rmse'], unit)}, MAE {format_value(metrics['test/mae'], unit)}"


def _spike_line(target: str, scores: Mapping[str, Any], unit: str) -> str:
    model, floor = scores["model"], scores["random"]
    threshold = f"{scores['threshold']:.3g} {scores.get('unit', unit)}".rstrip()
    return (
        f"  spikes of {target} (rise over {threshold}): average precision"
        f" {model['average_precision']:.3f} (random {floor['average_precision']:.3f}), event F1"
        f" {model['event_f1']:.3f} ({floor['event_f1']:.3f}), {model['false_alarms_per_day']:.1f} false alarms per day"
    )
