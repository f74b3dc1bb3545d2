"""The bins of many series are those of each series alone."""

import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.panels.resample import resample_panel
from tsforecast.times.frequency import Frequency
from tsforecast.times.resample import AGGREGATES, Resampler, resample
from tsforecast.times.time_grid import TimeGrid

HOURS = TimeGrid.of_bins(Frequency.parse("1h"))


def irregular(seed):
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.choice(50_000, 60, replace=False))
    values = rng.normal(size=(60, 2))
    values[rng.random((60, 2)) < 0.2] = np.nan
    return np.datetime64("2024-01-01", "ns") + seconds.astype("timedelta64[s]"), values


@pytest.mark.parametrize("how", AGGREGATES)
def test_bins_are_those_of_each_series_alone(how):
    parts = [irregular(seed) for seed in range(3)]
    series = np.repeat(np.arange(3), 60)
    time, values = (np.concatenate(items) for items in zip(*parts, strict=True))
    order = np.random.default_rng(0).permutation(180)
    bins = resample_panel(
        series[order], ["a", "b", "c"], time[order], values[order], Resampler(HOURS, [how, "last"])
    )
    for index, (own_time, own_values) in enumerate(parts):
        own = resample(own_time, own_values, Resampler(HOURS, [how, "last"]))
        np.testing.assert_array_equal(bins.time[bins.series == index], own[0])
        np.testing.assert_array_equal(bins.values[bins.series == index], own[1])


def test_rows_at_one_time_become_one_first():
    time = np.array(["2024-01-01T00:20", "2024-01-01T00:20", "2024-01-01T01:20"] * 2, "datetime64[ns]")
    series, values = np.repeat([0, 1], 3), np.arange(6.0)[:, None]
    bins = resample_panel(series, ["a", "b"], time, values, Resampler(HOURS, ["sum"], "last"))
    assert bins.values.ravel().tolist() == [1, 2, 4, 5]
    assert bins.notes[0] == "2 rows repeat the time of another of their series; the last of each was taken."
    with pytest.raises(UserError, match="2 of 6 rows repeat the time of another row of their series"):
        resample_panel(series, ["a", "b"], time, values, Resampler(HOURS, ["sum"]))
