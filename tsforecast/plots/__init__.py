"""Figures by matplotlib (extra ``plot``): of forecasts, errors, runs, learning curves, weights and importances."""

from tsforecast.plots.comparison import plot_errors
from tsforecast.plots.forecasts import plot_forecast, plot_forecast_and_truth, plot_series, plot_weights
from tsforecast.plots.training import plot_error_by_hour, plot_importance, plot_learning_curves

__all__ = [
    "plot_error_by_hour",
    "plot_errors",
    "plot_forecast",
    "plot_forecast_and_truth",
    "plot_importance",
    "plot_learning_curves",
    "plot_series",
    "plot_weights",
]
