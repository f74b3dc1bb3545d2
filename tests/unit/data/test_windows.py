import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.series_factory import make_series
from tsforecast.data.dataset import build_dataset
from tsforecast.data.splits import PARTS
from tsforecast.data.windows import Windows, window_ends
from tsforecast.errors import UserError

SHAPES = {
    "lookback": st.integers(1, 12),
    "lead": st.integers(1, 8),
    "horizon": st.integers(1, 5),
    "stride": st.integers(1, 4),
}
SPLIT = {"train": 0.5, "val": 0.25, "test": 0.25}


def slow_ends(part, border, lookback, lead, horizon, stride):
    """The windows of a split by their definition, row by row."""
    start, stop = border
    ends = []
    for row in range(stop):
        inputs = range(row - lookback + 1, row + 1)
        targets = range(row + lead, row + lead + horizon)
        reach = start if part == "train" else 0
        if inputs[0] >= reach and targets[0] >= start and targets[-1] < stop:
            ends.append(row)
    return ends[::stride]


@settings(deadline=None, max_examples=40)
@given(**SHAPES)
def test_windows_are_those_of_a_plain_loop(lookback, lead, horizon, stride):
    series = make_series(targets=("pressure", "load"), features=("load", "pressure", "flow"))
    shape = {"lookback": lookback, "lead": lead, "horizon": horizon, "stride": stride}
    dataset = build_dataset(series, **shape, split=SPLIT)
    for part, border in zip(PARTS, dataset.borders, strict=True):
        windows = dataset.windows(part)
        assert windows.ends.tolist() == slow_ends(part, border, **shape)
        x, y = windows.inputs(windows.ends), windows.targets(windows.ends)
        for index, end in enumerate(windows.ends):
            np.testing.assert_array_equal(x[index], dataset.inputs[end - lookback + 1 : end + 1])
            np.testing.assert_array_equal(y[index], dataset.truths[end + lead : end + lead + horizon])
        np.testing.assert_array_equal(windows.truths_all(), y)


@settings(deadline=None, max_examples=30)
@given(part=st.sampled_from(PARTS), first_step=st.integers(0, 11), **SHAPES)
def test_dense_targets_are_each_steps_own_future_within_the_split(
    part, first_step, lookback, lead, horizon, stride
):
    first_step = min(first_step, lookback - 1)
    dataset = build_dataset(
        make_series(), lookback=lookback, lead=lead, horizon=horizon, stride=stride, split=SPLIT
    )
    windows = dataset.windows(part)
    dense = windows.dense_targets(windows.ends, first_step)
    assert dense.shape == (len(windows), lookback - first_step, horizon, 1)
    start, stop = windows.border
    for index, end in enumerate(windows.ends):
        for step in range(first_step, lookback):
            for ahead in range(horizon):
                row = end - (lookback - 1) + step + lead + ahead
                assert row < stop
                expected = dataset.truths[row] if row >= start else np.nan
                np.testing.assert_array_equal(dense[index, step - first_step, ahead], expected)
    np.testing.assert_array_equal(dense[:, -1], windows.targets(windows.ends))
    if part == "train":
        assert not np.isnan(dense).any()


def test_dense_step_outside_the_lookback_is_refused():
    windows = build_dataset(make_series(), lookback=5, lead=1, horizon=1, stride=1, split=SPLIT).windows(
        "train"
    )
    with pytest.raises(UserError, match=r"step 5 .*lookback 5"):
        windows.dense_targets(windows.ends, 5)


@given(limit=st.integers(1, 300), count=st.integers(1, 250))
@settings(deadline=None)
def test_limited_windows_are_distinct_and_span_the_split(limit, count):
    rows = np.zeros((1, 1), np.float32)
    windows = Windows(rows, rows, np.arange(count), lookback=1, lead=1, horizon=1, border=(0, 1)).limited(
        limit
    )
    assert len(windows) == min(limit, count)
    assert len(set(windows.ends.tolist())) == len(windows)
    assert windows.ends[0] == 0
    if limit > 1:
        assert windows.ends[-1] == count - 1
        assert np.ptp(np.diff(windows.ends)) <= 1 if len(windows) > 1 else True


def test_a_split_too_short_has_no_windows():
    shape = {"lookback": 8, "lead": 2, "horizon": 3, "stride": 1}
    assert len(window_ends((0, 12), **shape, inside=True)) == 1
    assert len(window_ends((0, 11), **shape, inside=True)) == 0
