"""Rolling origins of many series: the same times in all, or rows before the end, and nothing later to learn from."""

import numpy as np
import pytest

from tests.helpers.panel_case import make_panel
from tsforecast.data.dataset import build_dataset
from tsforecast.data.origins import split_at_origin
from tsforecast.data.panel_origins import panel_origins, select_ids
from tsforecast.errors import UserError

SHAPE = {"lookback": 5, "lead": 2, "horizon": 3, "stride": 1}
SPLITS = {
    "times": {"train": 0.6, "val": 0.2, "test": 0.2},
    "last rows": {"val": 12, "test": 20},
    "first rows": {"train": 30, "val": 10, "test": 20},
}


def planned(split, count=3, series=None, **shape):
    series = make_panel(starts=(40, 20, 0)) if series is None else series
    dataset = build_dataset(series, **SHAPE | shape, split=split)
    return series, *panel_origins(dataset, split, count)


def steps_of(series, rows):
    """Steps of time of some rows."""
    return ((series.time[rows] - series.time.min()) // np.timedelta64(3600, "s")).astype(int)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
def test_blocks_are_the_test_windows_of_all_series(split, stride):
    _, dataset, origins = planned(split, stride=stride)
    ends = []
    for origin in origins:
        block = split_at_origin(dataset, origin).windows("test")
        assert len(block) == origin.windows
        ends += block.ends.tolist()
    assert sorted(ends) == dataset.windows("test").ends.tolist()


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
def test_each_origin_has_the_data_up_to_its_block(split):
    series, dataset, origins = planned(split)
    for origin in origins:
        known, ranges = origin.split(series)
        again = build_dataset(known, **SHAPE, split=ranges)
        there = split_at_origin(again, origin)
        block = there.windows("test")
        rows = origin.rows_of_all(block.ends, series)
        np.testing.assert_array_equal(known.values[block.ends], series.values[rows])
        np.testing.assert_array_equal(known.time[block.ends], series.time[rows])
        np.testing.assert_array_equal(known.series_of(block.ends), series.series_of(rows))
        whole = split_at_origin(dataset, origin)
        np.testing.assert_array_equal(rows, whole.windows("test").ends)
        for part in ("train", "val"):
            learned = there.windows(part)
            last = learned.ends + learned.lead + learned.horizon - 1
            for index in range(len(series.panel)):
                first = block.ends[known.series_of(block.ends) == index].min()
                assert last[known.series_of(last) == index].max() <= first


def test_origins_are_at_the_same_times_in_all_series():
    series, dataset, origins = planned(SPLITS["times"])
    for origin in origins:
        ends = split_at_origin(dataset, origin).windows("test").ends
        firsts = [ends[series.series_of(ends) == index].min() for index in range(3)]
        assert len(set(steps_of(series, np.array(firsts)))) == 1
        assert origin.known_until(series) == str(series.time[firsts[0]])


def test_origins_are_so_many_rows_before_the_end_where_the_split_counts_rows():
    series, dataset, origins = planned({"val": 12, "test": 20}, series=make_panel(starts=(0, 7, 3)))
    for origin, expected in zip(origins, (21, 15, 9), strict=True):
        ends = split_at_origin(dataset, origin).windows("test").ends
        stops = series.bounds[1:]
        assert [stop - ends[series.series_of(ends) == i].min() - 1 for i, stop in enumerate(stops)] == [
            expected
        ] * 3
    assert [origin.known_until(series) for origin in origins] == [
        "row -1 of test",
        "row 5 of test",
        "row 11 of test",
    ]


def test_weights_that_are_kept_have_the_rows_of_the_first_origin():
    series, _, origins = planned(SPLITS["times"])
    known, ranges = origins[2].split(series, origins[0])
    first, expected = origins[0].split(series)
    for part in (0, 1):
        moved = ranges[part] - known.bounds[:-1, None]
        np.testing.assert_array_equal(moved, expected[part] - first.bounds[:-1, None])
    assert ranges[2][:, 1].tolist() == known.bounds[1:].tolist()


def test_a_series_without_a_window_before_the_first_origin_is_left_out():
    series = make_panel(lengths=(100, 35), levels=(1.0, 2.0), starts=(0, 51))
    split = {"train": 0.62, "val": 0.2, "test": 0.18}
    whole = build_dataset(series, **SHAPE | {"lead": 5, "lookback": 4}, split=split)
    assert len(whole.series.panel) == 2
    left, origins = panel_origins(whole, split, 2)
    assert left.series.panel.ids == ("a",)
    selected = select_ids(series, left.series)
    assert selected.panel.ids == ("a",)
    assert (
        "1 of 2 series have no training window before the first origin and were left out: 'b'."
        in selected.notes[-1]
    )
    assert origins[0].windows == len(split_at_origin(left, origins[0]).windows("test"))


def test_more_origins_than_steps_are_refused():
    with pytest.raises(UserError, match=r"origins=99 is more than the 18 steps of the test split"):
        planned({"val": 12, "test": 20}, count=99)


def test_a_block_without_an_observed_target_is_refused():
    series = make_panel()
    series.values[steps_of(series, np.arange(len(series))) >= 92] = np.nan
    with pytest.raises(UserError, match="never observed in block 3"):
        planned(SPLITS["times"], series=series)
