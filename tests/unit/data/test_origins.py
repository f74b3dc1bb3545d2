"""Rolling origins by their definition: blocks in order, and only rows before an origin to learn from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.series_factory import make_series
from tsforecast.data.dataset import build_dataset
from tsforecast.data.origins import Origin, rolling_origins, split_at_origin
from tsforecast.data.windows import window_ends
from tsforecast.errors import UserError

SPLIT = {"train": 0.5, "val": 0.2, "test": 0.3}
SHAPES = {
    "lookback": st.integers(1, 8),
    "lead": st.integers(1, 6),
    "horizon": st.integers(1, 4),
    "stride": st.integers(1, 3),
}


@settings(deadline=None, max_examples=60)
@given(count=st.integers(1, 6), **SHAPES)
def test_blocks_are_the_test_windows_in_order_and_nothing_later_is_learned_from(count, **shape):
    dataset = build_dataset(make_series(rows=150), **shape, split=SPLIT)
    windows = dataset.windows("test")
    origins = rolling_origins(windows, count, val_rows=30)
    ends = []
    for origin in origins:
        there = split_at_origin(dataset, origin)
        block = there.windows("test").ends
        assert len(block) == origin.windows
        ends += block.tolist()
        assert origin.row == block[0]  # the last row known is the first window's last input
        for part in ("train", "val"):
            learned = there.windows(part)
            assert learned.ends.max() + learned.lead + learned.horizon - 1 <= origin.row
        assert origin.train[0] == 0
        assert origin.train[1] == origin.val[0] == origin.val[1] - 30
    assert ends == windows.ends.tolist()
    sizes = [origin.windows for origin in origins]
    assert max(sizes) - min(sizes) <= 1


def test_the_series_is_cut_behind_the_block():
    series = make_series(rows=150)
    dataset = build_dataset(series, lookback=5, lead=3, horizon=2, stride=1, split=SPLIT)
    for origin in rolling_origins(dataset.windows("test"), 3, val_rows=30):
        known, rows = origin.split(series)
        assert len(known) == origin.test[1] == sum(rows.values())
        again = build_dataset(known, lookback=5, lead=3, horizon=2, stride=1, split=rows)
        assert again.borders[0] == origin.train
        assert again.borders[1] == origin.val
        block = split_at_origin(again, origin).windows("test")
        np.testing.assert_array_equal(block.targets(block.ends)[-1, -1, 0], again.truths[-1, 0])


def test_more_origins_than_windows_are_refused():
    windows = build_dataset(make_series(), lookback=5, lead=1, horizon=1, stride=1, split=SPLIT).windows(
        "test"
    )
    with pytest.raises(UserError, match="origins=37 is more than the 36 windows"):
        rolling_origins(windows, 37, val_rows=10)


def test_no_room_to_train_is_refused():
    windows = build_dataset(make_series(), lookback=5, lead=1, horizon=1, stride=1, split=SPLIT).windows(
        "test"
    )
    with pytest.raises(UserError, match="nothing is left to train on"):
        rolling_origins(windows, 3, val_rows=84)


@settings(deadline=None, max_examples=40)
@given(**SHAPES)
def test_new_windows_begin_with_the_first_target_not_trained_on(lookback, lead, horizon, stride):
    before, after = (Origin(n, (0, stop), (stop, stop + 20), (0, 0), 0) for n, stop in ((1, 100), (2, 130)))
    rows = after.since(before, lookback + lead - 1)
    ends = window_ends(rows, lookback=lookback, lead=lead, horizon=horizon, stride=stride, inside=True)
    assert ends[0] + lead == 100
    assert 130 - stride < ends[-1] + lead + horizon <= 130
