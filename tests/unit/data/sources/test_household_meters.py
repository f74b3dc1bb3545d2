import numpy as np

from tsforecast.data.dataset import build_dataset
from tsforecast.data.sources import household_power
from tsforecast.data.sources.household_meters import METERS, load

WINDOW = {
    "lookback": 20,
    "lead": 10,
    "horizon": 1,
    "stride": 1,
    "split": {"train": 0.7, "val": 0.15, "test": 0.15},
}


def test_each_meter_is_a_series():
    series, one = load(rows=3000), household_power.load(3000)
    assert series.panel.ids == tuple(METERS)
    for (start, stop), feature in zip(series.panel.ranges, METERS.values(), strict=True):
        np.testing.assert_array_equal(series.values[start:stop, 0], one.column(feature))
        np.testing.assert_array_equal(series.time[start:stop], one.time)


def test_models_read_which_meter_it_is_unless_told_otherwise():
    dataset = build_dataset(load(rows=3000), **WINDOW)
    assert dataset.channels[-1] == "meter"
    codes = [dataset.inputs[start, -1] for start in dataset.series.panel.bounds[:-1]]
    assert codes == [2, 3, 4, 5]
    series = load(rows=3000, series_input=False)
    assert "meter" not in series.features
    assert not series.categories


def test_the_splits_are_at_the_same_times():
    dataset = build_dataset(load(rows=3000), **WINDOW)
    for name in ("train", "val", "test"):
        times = [tuple(dataset.series.time[[start, stop - 1]]) for start, stop in dataset.split_ranges(name)]
        assert len(set(times)) == 1
