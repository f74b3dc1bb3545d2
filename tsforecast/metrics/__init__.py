"""Metrics in NumPy: of point and quantile forecasts, of naive baselines and of spikes, and confidence intervals.

Example:
    >>> import numpy as np
    >>> truth, forecast = np.array([[[1.0]], [[3.0]]]), np.array([[[2.0]], [[2.0]]])
    >>> point_metrics(truth, forecast)["rmse"]
    1.0
"""

from tsforecast.metrics.baselines import (
    persistence_forecast,
    seasonal_naive_forecast,
    seasonal_scale,
    seasonal_steps_back,
    skill,
)
from tsforecast.metrics.formatting import add_unit, format_skill, format_value
from tsforecast.metrics.point import errors_per_group, errors_per_step
from tsforecast.metrics.quantile import quantile_metrics
from tsforecast.metrics.table import (
    METRICS,
    Metric,
    best_value,
    find_metric,
    mean_over_runs,
    metric_keys,
    metric_label,
    point_metrics,
)

__all__ = [
    "METRICS",
    "Metric",
    "add_unit",
    "best_value",
    "errors_per_group",
    "errors_per_step",
    "find_metric",
    "format_skill",
    "format_value",
    "mean_over_runs",
    "metric_keys",
    "metric_label",
    "persistence_forecast",
    "point_metrics",
    "quantile_metrics",
    "seasonal_naive_forecast",
    "seasonal_scale",
    "seasonal_steps_back",
    "skill",
]
