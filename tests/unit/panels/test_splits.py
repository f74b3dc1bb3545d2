import numpy as np

from tests.helpers.panel_case import make_panel
from tsforecast.panels.splits import (
    ranges_at_times,
    ranges_of_first,
    ranges_of_last,
    ranges_of_shares,
    times_of_shares,
)

SERIES = make_panel()  # rows 0 to 60 (20 steps later), 60 to 140, 140 to 240


def test_times_divide_all_series_at_the_same_moment():
    cuts = [SERIES.time[60 + 40], SERIES.time[60 + 70], None]
    ranges = ranges_at_times(cuts, SERIES.time, SERIES.panel)
    assert ranges[:, 0].tolist() == [[0, 20], [20, 50], [50, 60]]
    assert ranges[:, 1].tolist() == [[60, 100], [100, 130], [130, 140]]
    for name, part in zip(("train", "val", "test"), ranges, strict=True):
        times = np.concatenate([SERIES.time[start:stop] for start, stop in part])
        low, high = {"train": (None, cuts[0]), "val": cuts[:2], "test": (cuts[1], None)}[name]
        assert low is None or (times >= low).all()
        assert high is None or (times < high).all()


def test_shares_are_those_of_the_time_of_all_series():
    cuts = times_of_shares((0.5, 0.3, 0.2), SERIES.time, SERIES.grid)
    assert cuts[0] == SERIES.time[140 + 50]  # of the hundred steps that the longest series has
    assert cuts[2] == SERIES.time[-1] + np.timedelta64(3600, "s")


def test_the_last_rows_of_each_series_are_for_validation_and_test():
    ranges = ranges_of_last(10, 5, SERIES.panel)
    assert ranges[:, 2].tolist() == [[140, 225], [225, 235], [235, 240]]


def test_a_series_shorter_than_the_last_rows_has_no_training_rows():
    ranges = ranges_of_last(40, 30, SERIES.panel)
    assert ranges[:, 0].tolist() == [[0, 0], [0, 30], [30, 60]]


def test_rows_and_shares_are_those_of_each_series():
    assert ranges_of_first((50, 20, 20), SERIES.panel)[:, 0].tolist() == [[0, 50], [50, 60], [60, 60]]
    assert ranges_of_shares((0.5, 0.25, 0.25), SERIES.panel)[:, 1].tolist() == [
        [60, 100],
        [100, 120],
        [120, 140],
    ]
