import numpy as np

from tests.helpers.panel_case import make_panel
from tsforecast.data.dataset import build_dataset
from tsforecast.evaluation.interval_start import MAX_SHARED, calibrate_intervals, calibration_windows
from tsforecast.inference.intervals import create_intervals
from tsforecast.inference.metadata import describe_data
from tsforecast.inference.options import IntervalOptions
from tsforecast.models.persistence import Persistence
from tsforecast.models.task import Task

WINDOW = {"lookback": 6, "lead": 1, "horizon": 2, "stride": 1, "split": {"val": 20, "test": 10}}
OPTIONS = IntervalOptions(coverage=0.8, rate=0.01, memory=1000)


def test_errors_of_many_series_are_relative_to_their_levels():
    dataset = build_dataset(make_panel(), **WINDOW)
    model = Persistence(Task.from_dataset(dataset))
    model.describe(**describe_data(dataset))
    intervals = create_intervals(2, 1, OPTIONS)
    assert intervals.restore(calibrate_intervals(model, dataset, OPTIONS))
    assert (intervals.seen == min(MAX_SHARED, len(dataset.windows("val")))).all()
    known = np.sort(intervals.scores[0, 0, 0, : intervals.seen[0, 0]])
    assert np.abs(known).max() < 5  # of standard deviations; the largest level is 1,000 times the smallest


def test_errors_come_from_all_series_in_the_order_of_time():
    lengths, split = (400, 400), {"val": 300, "test": 20}
    panel = make_panel(lengths=lengths, levels=(1.0, 50.0), starts=(0, 0))
    dataset = build_dataset(panel, **{**WINDOW, "split": split})
    ends = dataset.windows("val").ends
    chosen = calibration_windows(dataset, ends, OPTIONS.memory)
    assert len(chosen) == MAX_SHARED
    assert np.bincount(panel.series_of(chosen)).tolist() == [100, 100]
    assert (np.diff(panel.time[chosen]).astype(int) >= 0).all()
