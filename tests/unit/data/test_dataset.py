"""The windows of a dataset: scaled values, no leakage from later rows, and errors that say what is wrong."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.context_case import context_options
from tests.helpers.panel_case import make_panel
from tests.helpers.series_factory import make_series
from tsforecast.data.dataset import build_dataset
from tsforecast.data.options import ScalingOptions
from tsforecast.data.scaling import Scaler, ScalerChoice
from tsforecast.data.splits import PARTS
from tsforecast.errors import UserError

SPLIT = {"train": 0.6, "val": 0.2, "test": 0.2}
SHAPE = {"lookback": 6, "lead": 3, "horizon": 2, "stride": 1}
ROWS, TRAIN = 120, 72


def make_dataset(series, **options):
    return build_dataset(series, **{**SHAPE, "split": SPLIT, **options})


def test_inputs_and_truths_are_the_scaled_values():
    series = make_series(
        targets=("pressure",), values=3 + 5 * np.random.default_rng(0).standard_normal((120, 2))
    )
    dataset = make_dataset(series)
    assert dataset.inputs.dtype == dataset.truths.dtype == np.float32
    assert dataset.target_indices == (1,)
    assert dataset.channels == ("load", "pressure")
    np.testing.assert_array_equal(dataset.inputs[:, 1], dataset.truths[:, 0])
    np.testing.assert_allclose(dataset.inputs[:72].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(dataset.inputs[:72].std(0), 1, rtol=1e-6)
    back = dataset.scaler.inverse_targets(dataset.truths)
    assert back.dtype == np.float64
    np.testing.assert_allclose(back[:, 0], series.values[:, 1], rtol=1e-5, atol=1e-6)


@settings(deadline=None)
@given(mean=st.floats(-1e6, 1e6), scale=st.floats(1e-3, 1e6), quantiles=st.integers(1, 4))
def test_scaler_is_inverted_and_saved_as_json(mean, scale, quantiles):
    scaler = Scaler(np.array([0.0, mean, 1.0]), np.array([1.0, scale, 2.0]), (2, 1))
    scaler = Scaler.from_dict(json.loads(json.dumps(scaler.to_dict())))
    scaled = np.random.default_rng(0).standard_normal((4, 3, 2))
    original = scaler.inverse_targets(scaled)
    np.testing.assert_array_equal(original[..., 0], scaled[..., 0] * 2 + 1)
    np.testing.assert_array_equal(original[..., 1], scaled[..., 1] * scale + mean)
    with_quantiles = np.repeat(scaled[..., None], quantiles, axis=-1)
    np.testing.assert_array_equal(scaler.inverse_targets(with_quantiles, axis=-2)[..., -1], original)
    np.testing.assert_allclose(scaler.transform(original[..., 1], 1), scaled[..., 1], rtol=1e-6, atol=1e-6)


def test_constant_columns_are_kept_unscaled_and_noted():
    values = np.random.default_rng(0).standard_normal((120, 2))
    values[:, 1] = 0.1
    dataset = make_dataset(make_series(values=values))
    assert dataset.scaler.scale[1] == 1
    np.testing.assert_array_equal(dataset.inputs[:, 1], 0)
    assert any("pressure" in note and "scale 1" in note for note in dataset.series.notes)


def test_future_covariates_are_the_feature_at_the_targets_own_times():
    values = np.random.default_rng(0).standard_normal((120, 2))
    values[40, 1] = np.nan
    series = make_series(values=values, known_ahead=("pressure",))
    dataset = make_dataset(series, future_covariates=["pressure"])
    assert dataset.channels == ("load", "pressure", "pressure@+3", "pressure@+4")
    assert len(dataset.scaler.mean) == 4
    for part in ("train", "val", "test"):
        windows = dataset.windows(part)
        x = windows.inputs(windows.ends)
        for channel, ahead in ((2, 3), (3, 4)):
            np.testing.assert_array_equal(x[:, -1, channel], dataset.inputs[windows.ends + ahead, 1])
            earlier = windows.ends - 2  # every step sees its own targets' time, which dense supervision needs
            np.testing.assert_array_equal(x[:, -3, channel], dataset.inputs[earlier + ahead, 1])


@pytest.mark.parametrize("kind", ["events", "daily"])
def test_the_context_is_in_the_last_channels_and_knows_no_later_row(kind):
    spans = context_options(kind, spans=["4min", "20min"])
    values = np.random.default_rng(0).standard_normal((120, 2))
    values[10:20, 1] = np.nan
    options = {"choice": ScalerChoice(mask=True), "future_covariates": ["pressure"], "context": spans}
    series = make_series(values=values, known_ahead=("pressure",))
    dataset = make_dataset(series, **options)
    context = dataset.scaler.context
    assert dataset.channels[:5] == ("load", "pressure", "pressure@observed", "pressure@+3", "pressure@+4")
    assert dataset.channels[5:] == context.names
    assert len(dataset.scaler.mean) == len(dataset.channels) == dataset.inputs.shape[1]
    np.testing.assert_array_equal(dataset.inputs[:, 5:], context.compute(dataset.inputs))
    changed = values.copy()
    changed[100:] += 50
    later = make_dataset(make_series(values=changed, known_ahead=("pressure",)), **options)
    np.testing.assert_array_equal(later.inputs[:100, 5:], dataset.inputs[:100, 5:])
    scaler = Scaler.from_dict(json.loads(json.dumps(dataset.scaler.to_dict())))
    assert scaler.is_close(dataset.scaler)
    assert not scaler.is_close(dataset.scaler.without_context())
    again = make_dataset(series, scaler=scaler, future_covariates=["pressure"], context=spans)
    assert again.channels == dataset.channels
    np.testing.assert_array_equal(again.inputs, dataset.inputs)
    with pytest.raises(UserError, match=f"context=none is not that of the model .*: set context={kind}."):
        make_dataset(series, scaler=scaler)


def with_column(index, value, rows=slice(None)):
    values = np.random.default_rng(0).standard_normal((120, 2))
    values[rows, index] = value
    return make_series(values=values)


WRONG = {
    "lookback": (make_series(), {"lookback": 0}, "window.lookback is 0"),
    "lead": (make_series(), {"lead": -1}, "window.lead is -1"),
    "horizon": (make_series(), {"horizon": 1.5}, "window.horizon is 1.5"),
    "stride": (make_series(), {"stride": True}, "window.stride is True"),
    "too long": (make_series(), {"lookback": 90}, "data.split.train.*window.lookback 90.*takes 94; lower"),
    "too short val": (
        make_series(),
        {"horizon": 25, "lookback": 2},
        "24 rows of data.split.val .*takes 25; lower",
    ),
    "constant target": (with_column(0, 2.0), {}, "'load' is constant in the training rows"),
    "unobserved train": (
        with_column(1, np.nan, slice(0, 72)),
        {},
        "'pressure' has no value in the training rows",
    ),
    "unobserved test": (
        with_column(0, np.nan, slice(96, None)),
        {},
        "'load' has no value in data.split.test",
    ),
    "unknown covariate": (make_series(), {"future_covariates": ["presure"]}, "Did you mean 'pressure'"),
    "target covariate": (make_series(), {"future_covariates": ["load"]}, "'load' is the target itself"),
    "not known": (make_series(), {"future_covariates": ["pressure"]}, "'pressure' is not known ahead"),
    "too many": (
        make_series(4000, known_ahead=("pressure",)),
        {"future_covariates": ["pressure"], "horizon": 600},
        "600 extra channels, more than 512",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_invalid_input_is_rejected_in_one_sentence(case):
    series, options, message = WRONG[case]
    with pytest.raises(UserError, match=message) as caught:
        make_dataset(series, **options)
    assert "\n" not in str(caught.value)


def test_error_names_the_smallest_numbers_that_fit():
    shape = {"lookback": 20, "lead": 3, "horizon": 4, "stride": 1}
    fits = {"train": 20 + 3 + 4 - 1, "val": 4, "test": 4}
    dataset = build_dataset(make_series(), **shape, split=fits)
    assert [len(dataset.windows(part)) for part in fits] == [1, 1, 1]
    for part in fits:
        with pytest.raises(UserError, match=rf"split\.{part} .* takes {fits[part]};"):
            build_dataset(make_series(), **shape, split={**fits, part: fits[part] - 1})


def test_unknown_split_is_refused():
    with pytest.raises(UserError, match="Did you mean 'train'"):
        make_dataset(make_series()).windows("training")


def with_gaps(seed):
    random = np.random.default_rng(seed)
    values = random.standard_normal((ROWS, 2))
    values[random.random((ROWS, 2)) < 0.2] = np.nan
    return values


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1000), row=st.integers(TRAIN, ROWS - 2))
def test_later_rows_do_not_change_the_inputs_of_earlier_windows(seed, row):
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
def test_validation_and_test_rows_do_not_change_the_training(seed):
    values = with_gaps(seed)
    changed = values.copy()
    changed[TRAIN:] = 100.0 + np.arange(ROWS - TRAIN)[:, None]
    before, after = (build_dataset(make_series(values=v), **SHAPE, split=SPLIT) for v in (values, changed))
    assert before.scaler.to_dict() == after.scaler.to_dict()
    first, second = before.windows("train"), after.windows("train")
    np.testing.assert_array_equal(first.ends, second.ends)
    np.testing.assert_array_equal(first.inputs(first.ends), second.inputs(second.ends))
    np.testing.assert_array_equal(first.targets(first.ends), second.targets(second.ends))


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


def test_scaler_is_fitted_to_the_observed_training_rows():
    values = with_gaps(3)
    dataset = build_dataset(make_series(values=values), **SHAPE, split=SPLIT)
    np.testing.assert_allclose(dataset.scaler.mean, np.nanmean(values[:TRAIN], axis=0), rtol=1e-12)
    np.testing.assert_allclose(dataset.scaler.scale, np.nanstd(values[:TRAIN], axis=0), rtol=1e-12)


def make_panel_dataset(series=None, **options):
    window = {"lookback": 6, "lead": 2, "horizon": 3, "stride": 1}
    split = {"train": 0.7, "val": 12, "test": 10}
    return build_dataset(series or make_panel(), **{**window, "split": split, **options})


def test_each_series_of_a_panel_is_scaled_by_its_own_training_rows():
    dataset = make_panel_dataset()
    for start, stop in dataset.split_ranges("train"):
        np.testing.assert_allclose(dataset.inputs[start:stop].mean(0), 0, atol=1e-6)
        np.testing.assert_allclose(dataset.inputs[start:stop].std(0), 1, rtol=1e-5)
    windows = dataset.windows("test")
    truth = dataset.scaler_of(windows.ends).inverse_targets(windows.targets(windows.ends))
    rows = windows.ends[:, None] + 2 + np.arange(3)
    np.testing.assert_allclose(truth[..., 0], dataset.series.values[rows, 0], rtol=1e-5)


def test_neither_the_calendar_nor_what_is_constant_in_a_series_is_measured():
    series = make_series(features=("minute_of_day_sin", "load", "day_of_week_cos"), targets=("load",))
    assert make_dataset(series).measured_channels == [1]
    panel = make_panel()
    size = 1.0 + panel.panel.series_of(np.arange(len(panel)))
    values = np.column_stack([size, panel.values])
    static = replace(panel.panel, static=("size",))
    series = replace(panel, features=("size", "load"), values=values, panel=static)
    assert make_panel_dataset(series).measured_channels == [1]


def test_a_panel_can_be_scaled_as_a_whole():
    choice = ScalerChoice(ScalingOptions(method="standard", columns=None, per="all"))
    dataset = make_panel_dataset(choice=choice)
    assert dataset.scaler.levels is None
    rows = dataset.training_inputs()
    np.testing.assert_allclose([rows.mean(), rows.std()], [0, 1], atol=1e-5)


def test_scaling_per_series_needs_a_method_that_can():
    choice = ScalerChoice(ScalingOptions(method="asinh", columns=None, per="series"))
    with pytest.raises(UserError, match=r"scaling\.per=series needs scaling=standard, robust or seasonal"):
        make_panel_dataset(choice=choice)


def test_the_series_of_a_panel_share_nothing_but_the_array():
    """Other values in one series change neither inputs nor truths of the others."""
    series = make_panel()
    values = series.values.copy()
    values[60:140] = np.random.default_rng(1).normal(size=(80, 1))
    values[60] = np.nan
    before, after = make_panel_dataset(series), make_panel_dataset(replace(series, values=values))
    others = np.r_[0:60, 140:240]
    np.testing.assert_array_equal(before.inputs[others], after.inputs[others])
    np.testing.assert_array_equal(before.truths[others], after.truths[others])
    assert after.inputs[60, 0] == 0  # not the last value of the series before


def test_a_panel_of_one_series_is_that_series():
    series = make_panel(lengths=(100,), levels=(5.0,), starts=(0,))
    split = {"train": 60, "val": 20, "test": 20}
    panel = make_panel_dataset(series, split=split)
    one = make_panel_dataset(replace(series, panel=None), split=split)
    for name in PARTS:
        np.testing.assert_array_equal(panel.windows(name).ends, one.windows(name).ends)
    np.testing.assert_allclose(panel.inputs, one.inputs, rtol=1e-6, atol=1e-7)


def test_series_too_short_for_a_window_are_left_out_by_name():
    dataset = make_panel_dataset(make_panel(lengths=(31, 80, 100)))
    assert dataset.series.panel.ids == ("b", "c")
    assert len(dataset.series) == len(dataset.inputs) == 180
    note = "1 of 3 series are too short for a training window of 10 rows and were left out: 'a'."
    assert note in dataset.series.notes
    whole = make_panel_dataset(make_panel(lengths=(80, 100), levels=(100.0, -1000.0), starts=(0, 0)))
    for name in PARTS:
        np.testing.assert_array_equal(dataset.windows(name).ends, whole.windows(name).ends)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lookback": 90}, "No series has the 94 training rows that a window takes"),
        (
            {"split": {"train": 0.7, "val": 2, "test": 10}},
            "No window fits the rows of data.split.val in any series",
        ),
        ({"split": {"train": 0.5, "val": "2024-01-02", "test": None}}, "data.split.train is 0.5"),
        (
            {"split": {"train": "2020-01-02", "val": "2024-01-02", "test": None}},
            "data.split.train holds no row of any",
        ),
        ({"split": {"train": 0.7, "val": 48, "test": 4000}}, "take the last 4,048: ask for fewer"),
    ],
)
def test_a_panel_without_windows_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        make_panel_dataset(**options)


def test_a_model_s_levels_are_found_by_the_names_of_the_series():
    series = make_panel()
    scaler = make_panel_dataset(series).scaler
    scaler = Scaler.from_dict(json.loads(json.dumps(scaler.to_dict())))
    later = make_panel(lengths=(80, 100), levels=(100.0, -1000.0), starts=(0, 0))
    later = replace(later, panel=replace(later.panel, ids=("c", "new")))
    levels = make_panel_dataset(later, scaler=scaler).scaler.levels
    np.testing.assert_array_equal(levels.shift[0], scaler.levels.shift[2])
    np.testing.assert_allclose(levels.shift[1], later.values[80:86].mean(0))
