"""The tracker's plot of a run's newest forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tsforecast.tracking.protocol import Tracker

PLOT_WINDOWS = 1440


def plot_newest(
    tracker: Tracker, ends: np.ndarray, truth: np.ndarray, forecast: np.ndarray, *, target: str, step: float
) -> None:
    """Plot forecast and truth of the first target over the newest windows.

    Args:
        tracker: Receives the plot.
        ends: Last input row of each window ``[n]``.
        truth: ``[n, H, T]`` in the target's unit, NaN where unobserved.
        forecast: ``[n, H, T]`` in the target's unit.
        target: Name of the first target.
        step: Seconds between two rows.
    """
    newest = ends[-PLOT_WINDOWS:]
    minutes = ((newest - newest[-1]) * step / 60).tolist()
    lines = {
        name: values[-PLOT_WINDOWS:, 0, 0].astype(float).tolist()
        for name, values in {"truth": truth, "forecast": forecast}.items()
    }
    title = f"{target}, newest of the test split"
    tracker.forecast_plot("forecast", minutes, lines, x_name="minutes before the last forecast", title=title)
