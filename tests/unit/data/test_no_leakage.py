"""Properties: what lies in the future changes nothing that a forecast is made from."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.series_factory import make_series
from tsforecast.data.dataset import build_dataset
from tsforecast.data.filling import carry_forward
from tsforecast.data.splits import PARTS

SPLIT = {"train": 0.6, "val": 0.2, "test": 0.2}
SHAPE = {"lookback": 6, "lead": 3, "horizon": 2, "stride": 1}
ROWS, TRAIN = 120, 72


def with_gaps(seed):
    random = np.random.default_rng(seed)
    values = random.standard_normal((ROWS, 2))
    values[random.random((ROWS, 2)) < 0.2] = np.nan
    return values


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1000), row=st.integers(TRAIN, ROWS - 2))
def test_rows_after_t_change_no_input_of_windows_that_end_by_t(seed, row):
    values = with_gaps(seed)
    changed = values.copy()
    changed[row + 1 :] = 100 + np.random.default_rng(seed + 1).standard_normal((ROWS - row - 1, 2))
    before, after = (build_dataset(make_series(values=v), **SHAPE, split=SPLIT) for v in (values, changed))
    np.testing.assert_array_equal(before.inputs[: row + 1], after.inputs[: row + 1])
    for part in PARTS:
        ends = before.windows(part).ends
        ends = ends[ends <= row]
        np.testing.assert_array_equal(before.windows(part).inputs(ends), after.windows(part).inputs(ends))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_validation_and_test_rows_change_nothing_of_training(seed):
    values = with_gaps(seed)
    changed = values.copy()
    changed[TRAIN:] = 100.0 + np.arange(ROWS - TRAIN)[:, None]
    before, after = (build_dataset(make_series(values=v), **SHAPE, split=SPLIT) for v in (values, changed))
    assert before.scaler.to_dict() == after.scaler.to_dict()
    first, second = before.windows("train"), after.windows("train")
    np.testing.assert_array_equal(first.ends, second.ends)
    np.testing.assert_array_equal(first.inputs(first.ends), second.inputs(second.ends))
    np.testing.assert_array_equal(first.targets(first.ends), second.targets(second.ends))


@settings(deadline=None)
@given(
    column=st.lists(st.one_of(st.none(), st.floats(-5, 5)), min_size=1, max_size=40),
    cut=st.integers(0, 39),
)
def test_filling_carries_the_last_value_forward_and_never_looks_ahead(column, cut):
    column = np.array([np.nan if value is None else value for value in column])
    filled = carry_forward(column, before=7.0)
    last = 7.0
    for value, got in zip(column, filled, strict=True):
        last = last if np.isnan(value) else value
        assert got == last
    np.testing.assert_array_equal(carry_forward(column[: cut + 1], before=7.0), filled[: cut + 1])


def test_missing_values_are_filled_for_inputs_and_stay_missing_in_truths():
    values = np.random.default_rng(0).standard_normal((ROWS, 2))
    values[0:2, 0] = np.nan
    values[30:33, 0] = np.nan
    dataset = build_dataset(make_series(values=values), **SHAPE, split=SPLIT)
    assert not np.isnan(dataset.inputs).any()
    np.testing.assert_array_equal(dataset.inputs[:2, 0], 0.0)
    np.testing.assert_array_equal(dataset.inputs[30:33, 0], dataset.inputs[29, 0])
    assert np.flatnonzero(np.isnan(dataset.truths[:, 0])).tolist() == [0, 1, 30, 31, 32]
    assert any("5 of 120 rows" in note for note in dataset.series.notes)


def test_scaler_is_that_of_the_observed_training_rows():
    values = with_gaps(3)
    dataset = build_dataset(make_series(values=values), **SHAPE, split=SPLIT)
    np.testing.assert_allclose(dataset.scaler.mean, np.nanmean(values[:TRAIN], axis=0), rtol=1e-12)
    np.testing.assert_allclose(dataset.scaler.scale, np.nanstd(values[:TRAIN], axis=0), rtol=1e-12)
