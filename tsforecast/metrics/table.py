"""The table of all metrics: each is declared once, and everything that shows, sorts or averages figures reads it here.

To add a metric of point forecasts, write its function in `point` and add an entry to `METRICS`: it is then part of
``result.json``, of reports, sweeps and leaderboards, and of what trackers store.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tsforecast.metrics import point
from tsforecast.metrics.arrays import Array
from tsforecast.metrics.formatting import add_unit
from tsforecast.metrics.point import PointErrors

Source = Literal["training", "values", "scaled", "series", "quantiles", "spikes", "scorecard", "baselines"]
LEVEL_SUFFIX = r"_q?[\d.]+"  # of a family's members: coverage_q10, width_80
BASELINES = ("persistence", "seasonal_naive")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What is to be known of one metric.

    Args:
        name: Key in ``result.json``, without its split.
        label: Name to show to people.
        source: What the metric is computed from: ``training`` (the loss and the like), the ``values`` of point
            forecasts in the target's unit, the ``scaled`` values, the forecasts of each of many ``series``, the
            ``quantiles``, the ``spikes`` of all targets, the
            spike ``scorecard`` of one target, or the RMSEs of model and ``baselines``.
        unit: ``target`` for the target's unit, ``squared`` for its square, ``%`` for a share shown in per cent, or
            empty.
        better: ``lower`` or ``higher`` is better; empty if neither is.
        over_targets: Whether several targets are ``pooled``, or the figure is the ``mean`` of theirs. Over
            seeds and origins every figure is a mean, see `mean_over_runs`.
        splits: Splits for which it is computed.
        compute: Function of the errors, for the sources ``values`` and ``scaled``; None from it means that the metric
            is not defined for these data.
        of_median: Whether the median of a forecast distribution is scored rather than its mean, where there are both:
            the median minimizes absolute errors, the mean squared ones.
        has_levels: Whether there is one figure per quantile level, with a name such as ``coverage_q10``.

    Example:
        >>> METRICS["rmse"].label, METRICS["rmse"].better
        ('RMSE', 'lower')
    """

    name: str
    label: str
    source: Source
    unit: Literal["target", "squared", "%", ""] = ""
    better: Literal["lower", "higher", ""] = ""
    over_targets: Literal["pooled", "mean"] = "pooled"
    splits: tuple[str, ...] = ("test",)
    compute: Callable[[PointErrors], float | None] | None = None
    of_median: bool = False
    has_levels: bool = False


METRICS = {
    metric.name: metric
    for metric in (
        Metric(name="loss", label="Loss", source="training", better="lower", splits=("val",)),
        Metric(name="explained", label="Explained", source="training", better="higher", splits=("val",)),
        Metric(
            name="rmse",
            label="RMSE",
            source="values",
            unit="target",
            better="lower",
            splits=("val", "test"),
            compute=point.rmse,
        ),
        Metric(
            name="mae",
            label="MAE",
            source="values",
            unit="target",
            better="lower",
            splits=("val", "test"),
            compute=point.mae,
            of_median=True,
        ),
        Metric(name="mse", label="MSE", source="values", unit="squared", better="lower", compute=point.mse),
        Metric(name="bias", label="Bias", source="values", unit="target", compute=point.bias),
        Metric(
            name="r2", label="R²", source="values", better="higher", over_targets="mean", compute=point.r2
        ),
        Metric(
            name="mase",
            label="MASE",
            source="values",
            better="lower",
            over_targets="mean",
            splits=("val", "test"),
            compute=point.mase,
            of_median=True,
        ),
        Metric(name="rmse_scaled", label="RMSE, scaled", source="scaled", better="lower", compute=point.rmse),
        Metric(
            name="mae_scaled",
            label="MAE, scaled",
            source="scaled",
            better="lower",
            compute=point.mae,
            of_median=True,
        ),
        Metric(name="smape", label="sMAPE (%)", source="series", better="lower", of_median=True),
        Metric(name="wape", label="WAPE (%)", source="series", better="lower", of_median=True),
        Metric(name="rmsse", label="RMSSE", source="series", better="lower"),
        Metric(name="interval_coverage", label="Coverage of 90 % intervals", source="series"),
        Metric(name="owa", label="OWA", source="series", better="lower", of_median=True),
        Metric(name="pinball", label="Pinball", source="quantiles", unit="target", better="lower"),
        Metric(name="crps", label="CRPS", source="quantiles", unit="target", better="lower"),
        Metric(name="wql", label="Weighted quantile loss", source="quantiles", better="lower"),
        Metric(
            name="winkler",
            label="Winkler score",
            source="quantiles",
            unit="target",
            better="lower",
            has_levels=True,
        ),
        Metric(name="coverage", label="Coverage", source="quantiles", has_levels=True),
        Metric(name="width", label="Width", source="quantiles", unit="target", has_levels=True),
        Metric(
            name="spike_average_precision",
            label="Spike average precision",
            source="spikes",
            better="higher",
            over_targets="mean",
        ),
        Metric(
            name="spike_f1", label="Spike event F1", source="spikes", better="higher", over_targets="mean"
        ),
        Metric(
            name="spike_false_alarms_per_day",
            label="False alarms per day",
            source="spikes",
            better="lower",
            over_targets="mean",
        ),
        Metric(name="average_precision", label="Average precision", source="scorecard", better="higher"),
        Metric(name="event_f1", label="Event F1", source="scorecard", better="higher"),
        Metric(name="event_precision", label="Event precision", source="scorecard", better="higher"),
        Metric(name="event_recall", label="Event recall", source="scorecard", better="higher"),
        Metric(
            name="lead_time_minutes", label="Lead time (minutes, median)", source="scorecard", better="higher"
        ),
        Metric(name="false_alarms_per_day", label="False alarms per day", source="scorecard", better="lower"),
        Metric(name="brier", label="Brier score", source="scorecard", better="lower"),
        Metric(name="ece", label="Calibration error (ECE)", source="scorecard", better="lower"),
        Metric(name="rmse_on", label="RMSE on spikes", source="scorecard", unit="target", better="lower"),
        Metric(name="rmse_off", label="RMSE off spikes", source="scorecard", unit="target", better="lower"),
        Metric(name="mae_on", label="MAE on spikes", source="scorecard", unit="target", better="lower"),
        Metric(name="mae_off", label="MAE off spikes", source="scorecard", unit="target", better="lower"),
        Metric(name="skill", label="Skill", source="baselines", unit="%", better="higher"),
    )
}


def point_metrics(
    truth: Array,
    forecast: Array,
    *,
    median: Array | None = None,
    scale: Array | None = None,
    source: Source = "values",
) -> dict[str, float]:
    """Score point forecasts over all observed values with every metric of the table.

    Args:
        truth: ``[n, H, T]``, NaN where unobserved.
        forecast: ``[n, H, T]`` in the same unit; of a distribution its mean.
        median: ``[n, H, T]``, which ``mae`` and ``mase`` score, if it is not the forecast.
        scale: ``[T]`` from `baselines.seasonal_scale`; without it there is no ``mase``.
        source: ``values`` for figures in the target's unit, ``scaled`` for those of scaled values.

    Returns:
        Metric name to value.

    Raises:
        ValueError: The shapes do not fit each other.

    Example:
        >>> truth, forecast = np.array([[[1.0]], [[3.0]]]), np.array([[[2.0]], [[2.0]]])
        >>> point_metrics(truth, forecast)
        {'rmse': 1.0, 'mae': 1.0, 'mse': 1.0, 'bias': 0.0, 'r2': 0.0}
    """
    errors = PointErrors.from_forecasts(truth, forecast, scale)
    of_median = errors if median is None else PointErrors.from_forecasts(truth, median, scale)
    scores = {
        metric.name: metric.compute(of_median if metric.of_median else errors)
        for metric in METRICS.values()
        if metric.compute is not None and metric.source == source
    }
    return {name: value for name, value in scores.items() if value is not None}


def find_metric(key: str) -> Metric | None:
    """Return the metric that a figure's key names, None for a figure that is not a metric.

    Example:
        >>> find_metric("test/coverage_q10").label, find_metric("skill/persistence").name, find_metric("seconds")
        ('Coverage', 'skill', None)
    """
    group, _, name = key.rpartition("/")
    if group == "skill":
        return METRICS["skill"]
    if name in METRICS:
        return METRICS[name]
    stem = name.partition("_")[0]
    if re.fullmatch(f"{stem}{LEVEL_SUFFIX}", name) and stem in METRICS and METRICS[stem].has_levels:
        return METRICS[stem]
    return None


def metric_label(key: str, unit: str = "") -> str:
    """Return the label of a figure, with the unit in which it is measured if it has one.

    Args:
        key: Key of the figure, with or without its split.
        unit: Unit of the target.

    Example:
        >>> metric_label("test/rmse", "kW"), metric_label("mse", "kW"), metric_label("test/coverage_q10", "kW")
        ('RMSE (kW)', 'MSE (kW²)', 'Coverage, q10')
    """
    name = key.rpartition("/")[2]
    metric = find_metric(key)
    if metric is None:
        words = name.replace("_", " ")
        return words[:1].upper() + words[1:]
    level = name.removeprefix(metric.name).lstrip("_") if metric.has_levels else ""
    return add_unit(metric.label + (f", {level}" if level else ""), metric_unit(metric, unit))


def metric_unit(metric: Metric, unit: str) -> str:
    """Return the unit of a metric, given that of the target."""
    if metric.unit == "squared":
        return f"{unit}²" if unit else ""
    return unit if metric.unit == "target" else ""


def best_value(key: str, values: Sequence[float]) -> float | None:
    """Return the best of several figures under one key; None if neither direction is better.

    Example:
        >>> best_value("test/rmse", [0.4, 0.3]), best_value("test/r2", [0.4, 0.3]), best_value("test/bias", [0.4, 0.3])
        (0.3, 0.4, None)
    """
    metric = find_metric(key)
    if metric is None or not metric.better or not values:
        return None
    return max(values) if metric.better == "higher" else min(values)


def metric_keys() -> list[str]:
    """Return the keys that a trained run's figures have, without those that depend on quantile levels.

    Example:
        >>> metric_keys()[:3]
        ['val/loss', 'val/explained', 'val/rmse']
    """
    plain = (metric for metric in METRICS.values() if metric.source not in ("scorecard", "baselines"))
    keys = [f"{split}/{metric.name}" for metric in plain if not metric.has_levels for split in metric.splits]
    return [*keys, *(f"skill/{name}" for name in BASELINES)]


def mean_over_runs(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation of one figure over seeds or origins.

    Args:
        values: One figure per run; None and NaN mean that it is not defined there, and are left out.

    Returns:
        Mean and standard deviation of a sample (n - 1); None for the mean of nothing, and for the spread of fewer than
        two values.

    Example:
        >>> mean_over_runs([1.0, None, 3.0])
        (2.0, 1.4142135623730951)
    """
    numbers = [float(value) for value in values if value is not None and np.isfinite(value)]
    if not numbers:
        return None, None
    return float(np.mean(numbers)), float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None
