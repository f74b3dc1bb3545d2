"""Metrics in NumPy: of point and quantile forecasts, of naive baselines, of spikes, and how sure a difference is."""

from tsforecast.metrics.point import (
    by_group,
    by_step,
    persistence_forecast,
    point_metrics,
    quantile_metrics,
    seasonal_naive_forecast,
    seasonal_scale,
    skill,
)

__all__ = [
    "by_group",
    "by_step",
    "persistence_forecast",
    "point_metrics",
    "quantile_metrics",
    "seasonal_naive_forecast",
    "seasonal_scale",
    "skill",
]
