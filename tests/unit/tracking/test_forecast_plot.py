"""The plot of the newest forecasts."""

import numpy as np

from tsforecast.tracking.forecast_plot import PLOT_WINDOWS, plot_newest
from tsforecast.tracking.null_tracker import NullTracker


class PlotTracker(NullTracker):
    def forecast_plot(self, name, x, lines, x_name, title=""):
        self.plot = (name, x, lines, x_name, title)


def test_the_first_step_of_the_first_target_over_the_newest_windows():
    tracker, count = PlotTracker(), PLOT_WINDOWS + 10
    ends = np.arange(100, 100 + count)
    truth = np.arange(count * 4, dtype=np.float32).reshape(count, 2, 2)
    plot_newest(tracker, ends, truth, -truth, target="load", step=120.0)
    name, x, lines, x_name, title = tracker.plot
    assert (name, x_name, title) == (
        "forecast",
        "minutes before the last forecast",
        "load, newest of the test split",
    )
    assert len(x) == PLOT_WINDOWS
    assert x[-3:] == [-4.0, -2.0, 0.0]
    assert lines["truth"] == (4.0 * np.arange(10, count)).tolist()
    assert lines["forecast"] == (-4.0 * np.arange(10, count)).tolist()
