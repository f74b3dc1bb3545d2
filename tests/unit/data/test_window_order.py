"""The order of windows of which there are too many for an array."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.panel_case import make_panel
from tests.helpers.series_factory import make_series
from tsforecast.data import window_order, windows
from tsforecast.data.batches import batches, block_ends, steps_per_epoch
from tsforecast.data.dataset import build_dataset
from tsforecast.data.window_order import RowRange, draw_series, epoch_order, permute


@settings(deadline=None, max_examples=60)
@given(count=st.integers(1, 3000), seed=st.integers(0, 5), pieces=st.integers(1, 4))
def test_every_position_goes_to_a_place_of_its_own(count, seed, pieces):
    parts = [
        permute(positions, count, np.random.default_rng(seed))
        for positions in np.array_split(np.arange(count, dtype=np.uint64), pieces)
    ]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(count))


def test_the_order_has_no_pattern():
    count = 100_000
    order = permute(np.arange(count, dtype=np.uint64), count, np.random.default_rng(0))
    other = permute(np.arange(count, dtype=np.uint64), count, np.random.default_rng(1))
    for first, second in ((order[:-1], order[1:]), (np.arange(count), order), (order, other)):
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.02
    histogram = np.histogram(order[: count // 10], bins=10, range=(0, count))[0]
    assert histogram.min() > 0.8 * count / 100


@pytest.mark.parametrize("step", [1, 7])
def test_a_range_of_rows_behaves_as_the_array(step):
    rows, array = RowRange(5, 90, step), np.arange(5, 90, step)
    assert len(rows) == len(array)
    np.testing.assert_array_equal(np.asarray(rows), array)
    for index in (slice(-3, None), slice(2, 9, 2), np.array([[0, 3], [1, 2]]), 4):
        np.testing.assert_array_equal(rows[index], array[index])
    np.testing.assert_array_equal(np.arange(100.0)[rows], np.arange(100.0)[array])


def test_a_large_epoch_holds_each_window_once_in_another_order(monkeypatch):
    values = np.random.default_rng(0).standard_normal((300, 1))
    split = {"train": 0.8, "val": 0.1, "test": 0.1}
    dataset = build_dataset(
        make_series(values=values, features=("load",)), lookback=5, lead=1, horizon=1, stride=1, split=split
    )
    small = dataset.windows("train")
    expected = block_ends(small, 0, batch_size=7, seed=0)
    for module in (window_order, windows):
        monkeypatch.setattr(module, "MAX_IN_MEMORY", 10)
    large = dataset.windows("train")
    assert isinstance(large.ends, RowRange)
    found = block_ends(large, 0, batch_size=7, seed=0)
    assert len(np.unique(found)) == found.size == 7 * steps_per_epoch(large, 7)
    assert set(found.flat) <= set(small.ends.tolist())
    assert not np.array_equal(found, expected)
    np.testing.assert_array_equal(
        block_ends(large, 0, batch_size=7, seed=0, shuffle=False).ravel()[:5], small.ends[:5]
    )
    assert np.array_equal(epoch_order(50, 0, 1, slice(10, 20)), epoch_order(50, 0, 1, slice(0, 50))[10:20])


def sampled(sampling):
    split = {"train": 0.7, "val": 8, "test": 8}
    window = {"lookback": 6, "lead": 1, "horizon": 2, "stride": 1, "split": split}
    return build_dataset(make_panel(lengths=(30, 60, 400)), **window, sampling=sampling).windows("train")


def test_each_series_is_drawn_equally_often_whatever_its_length():
    drawn = sampled("series")
    for epoch in range(2):
        order = draw_series(drawn.ends, drawn.starts, 3, epoch)
        assert len(order) == len(drawn)
        counts = np.bincount(np.searchsorted(drawn.starts, drawn.ends[order], side="right"))[1:]
        assert counts.max() - counts.min() <= 1
        first = order[:3]
        assert len(set(np.searchsorted(drawn.starts, drawn.ends[first], side="right"))) == 3
    assert len(np.unique(drawn.ends[order])) > 100
    assert (draw_series(drawn.ends, drawn.starts, 3, 1) == order).all()


def test_batches_follow_the_sampling():
    drawn, plain = sampled("series"), sampled("windows")
    assert plain.starts is None
    np.testing.assert_array_equal(drawn.ends, plain.ends)
    ends = block_ends(drawn, 0, batch_size=9, seed=0)
    share = np.bincount(np.searchsorted(drawn.starts, ends.ravel(), side="right"))[1:] / ends.size
    np.testing.assert_allclose(share, 1 / 3, atol=0.01)
    rows = np.concatenate(
        [*(inputs for inputs, _ in islice(batches(drawn, batch_size=9, seed=0), len(ends)))]
    )
    np.testing.assert_array_equal(rows, drawn.inputs(ends.ravel()))


def test_windows_weigh_what_makes_their_series_equal():
    drawn = sampled("series")
    series = np.searchsorted(drawn.starts, drawn.ends, side="right") - 1
    totals = np.bincount(series, weights=drawn.weights())
    np.testing.assert_allclose(totals, len(drawn) / 3)
    assert sampled("windows").weights() is None
