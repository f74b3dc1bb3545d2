"""The scaler: every method is inverted, fitted on the training rows, stored as JSON, and keeps small differences."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.series_factory import make_series
from tsforecast.data.dataset import build_dataset
from tsforecast.data.options import ScalingOptions
from tsforecast.data.scaling import Scaler, ScalerChoice
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata, describe_data
from tsforecast.models.task import Task

METHODS = ("standard", "robust", "asinh", "log1p", "none")
SHAPE = {
    "lookback": 6,
    "lead": 3,
    "horizon": 2,
    "stride": 1,
    "split": {"train": 0.6, "val": 0.2, "test": 0.2},
}


def options(method="standard", **columns):
    return ScalerChoice(ScalingOptions(method=method, columns=columns or None, per="auto"))


def fit(values, method, **columns):
    names = [f"c{index}" for index in range(values.shape[1])]
    return Scaler.fit(values, names, (0,), options(method, **columns))


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=40)
@given(center=st.floats(-1e4, 1e4), size=st.floats(1e-3, 1e4), seed=st.integers(0, 99))
def test_every_method_is_inverted_and_saved_as_json(method, center, size, seed):
    if method == "none":
        center, size = center / 100, max(size, 1.0)
    values = center + size * np.random.default_rng(seed).standard_t(2, (200, 2))
    fitted = fit(values, method)
    scaler = Scaler.from_dict(json.loads(json.dumps(fitted.to_dict())))
    scaled = scaler.transform(values)
    np.testing.assert_array_equal(scaled, fitted.transform(values))
    np.testing.assert_array_equal(scaled[:, 0], scaler.transform(values[:, 0], 0))
    np.testing.assert_array_equal(scaled[:, :1], scaler.transform_targets(values[:, :1]))
    np.testing.assert_allclose(scaler.inverse(scaled), values, rtol=1e-9, atol=1e-9 * size)
    quantiles = np.repeat(scaled[:, :1, None], 3, axis=-1)
    np.testing.assert_allclose(
        scaler.inverse_targets(quantiles, axis=-2)[..., 2], values[:, :1], rtol=1e-9, atol=1e-9 * size
    )
    order = np.argsort(values[:, 0])
    assert (np.diff(scaled[order, 0]) >= 0).all()  # rising, so quantiles stay quantiles


def test_methods_center_and_scale_as_documented():
    values = np.random.default_rng(0).lognormal(size=(500, 1)) * 3
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    robust = fit(values, "robust")
    assert robust.mean[0] == pytest.approx(middle)
    assert robust.scale[0] == pytest.approx((high - low) / 1.349)
    for method in ("standard", "asinh", "log1p"):
        scaled = fit(values, method).transform(values)
        assert scaled.mean() == pytest.approx(0, abs=1e-12)
        assert scaled.std() == pytest.approx(1)
    log = np.log1p(values)
    np.testing.assert_allclose(fit(values, "log1p").transform(values), (log - log.mean()) / log.std())
    np.testing.assert_array_equal(fit(values, "none").transform(values), values)


def test_log1p_mirrors_negative_values():
    values = np.array([[-5.0], [-1.0], [0.0], [2.0], [40.0]])
    scaler = fit(values, "log1p")
    bent = scaler.transform(values) * scaler.scale + scaler.mean
    np.testing.assert_allclose(bent[:, 0], np.sign(values[:, 0]) * np.log1p(np.abs(values[:, 0])), atol=1e-12)
    np.testing.assert_allclose(
        scaler.inverse(scaler.transform(np.array([[-1e6]]))), -1e6
    )  # a later value too


def test_a_column_of_mostly_equal_values_has_a_robust_scale_too():
    values = np.zeros((100, 1))
    values[:10, 0] = 7.0
    for method in ("robust", "asinh"):
        scaled = fit(values, method).transform(values)
        assert np.isfinite(scaled).all()
        assert 0 < np.ptp(scaled) < 10


def test_single_columns_have_methods_of_their_own():
    values = np.abs(np.random.default_rng(0).standard_normal((50, 3))) + 1
    scaler = fit(values, "standard", c1="log1p", c2="none")
    np.testing.assert_array_equal(
        scaler.transform(values)[:, 0], fit(values, "standard").transform(values)[:, 0]
    )
    np.testing.assert_array_equal(
        scaler.transform(values)[:, 1], fit(values, "log1p").transform(values)[:, 1]
    )
    np.testing.assert_array_equal(scaler.transform(values)[:, 2], values[:, 2])
    with pytest.raises(UserError, match="there is no feature 'c9'"):
        fit(values, "standard", c9="log1p")


def test_calendar_features_are_not_bent():
    values = np.random.default_rng(0).standard_normal((50, 2))
    names = ["load", "minute_of_day_sin"]
    scaler = Scaler.fit(values, names, (0,), options("asinh"))
    assert list(scaler.curves) == [0]
    with pytest.raises(UserError, match="'minute_of_day_sin' lies between -1 and 1 and takes no log1p"):
        Scaler.fit(values, names, (0,), options("standard", minute_of_day_sin="log1p"))


@pytest.mark.parametrize("method", ["standard", "robust", "asinh", "log1p"])
@pytest.mark.parametrize(("offset", "size"), [(1e9, 1.0), (-1e9, 1.0), (1e12, 0.1), (0.0, 1e-9), (0.0, 1e20)])
def test_differences_survive_offsets_and_sizes(method, offset, size):
    wave = np.sin(np.arange(120) / 5)
    values = np.stack([offset + size * wave, offset + size * wave[::-1]], axis=1)
    if (
        method == "log1p" and offset == 1e12
    ):  # double precision has no digits for it: the logarithm changes by 1e-13
        with pytest.raises(UserError, match="differ too little for their size"):
            build_dataset(make_series(values=values), **SHAPE, choice=options(method))
        return
    dataset = build_dataset(make_series(values=values), **SHAPE, choice=options(method))
    assert np.isfinite(dataset.inputs).all()
    found = dataset.scaler.inverse_targets(dataset.truths)[:, 0]
    resolution = np.spacing(abs(offset)) * (40 if method == "log1p" else 2)
    np.testing.assert_allclose(
        found, values[:, 0], rtol=1e-5 if not offset else 0, atol=2e-6 * size + resolution
    )
    assert dataset.truths.std() == pytest.approx(1, rel=0.35)


def test_single_precision_must_hold_what_is_not_scaled():
    values = np.random.default_rng(0).standard_normal((120, 2))
    values[:, 1] += 1e9
    with pytest.raises(
        UserError, match=r"'pressure'.* differ too little .*scaling=none.*columns=\{'pressure': standard\}"
    ):
        build_dataset(make_series(values=values), **SHAPE, choice=options("none"))
    build_dataset(make_series(values=values), **SHAPE, choice=options("none", pressure="standard"))


def test_values_too_far_apart_for_the_method_are_refused():
    values = np.random.default_rng(0).standard_normal((120, 2))
    values[5, 1] = 1e30
    with pytest.raises(UserError, match=r"'pressure' has values between .* too far apart for scaling=robust"):
        build_dataset(make_series(values=values), **SHAPE, choice=options("robust"))
    for method in ("standard", "asinh", "log1p"):
        assert np.isfinite(
            build_dataset(make_series(values=values), **SHAPE, choice=options(method)).inputs
        ).all()
    values[6, 1] = 1e300
    with pytest.raises(UserError, match="too far apart for scaling=standard"):
        build_dataset(make_series(values=values), **SHAPE)


def test_later_values_far_outside_the_training_rows_are_reported_or_refused():
    values = np.random.default_rng(0).standard_normal((120, 2))
    values[100, 1] = 5000.0
    notes = build_dataset(make_series(values=values), **SHAPE).series.notes
    assert any(note.startswith("Warning: 'pressure' reaches 5000 after the training rows") for note in notes)
    values[100, 1] = 1e18
    with pytest.raises(UserError, match=r"'pressure' has 1e\+18 in row 101 \(2024-01-01T01:40:00\)"):
        build_dataset(make_series(values=values), **SHAPE)
    assert np.isfinite(
        build_dataset(make_series(values=values), **SHAPE, choice=options("asinh")).inputs
    ).all()


def test_the_inverse_of_a_wild_forecast_is_finite():
    for method in ("asinh", "log1p"):
        scaler = fit(np.random.default_rng(0).lognormal(size=(50, 1)), method)
        assert np.isfinite(np.square(scaler.inverse_targets(np.array([[1e6], [-1e6]])))).all()


def test_scalers_are_close_if_they_scale_alike():
    values = np.random.default_rng(0).lognormal(size=(50, 2))
    fits = {method: fit(values, method) for method in METHODS}
    for method, scaler in fits.items():
        again = Scaler.from_dict(scaler.to_dict())
        assert [name for name, other in fits.items() if again.is_close(other)] == [method]


# Observed masks: which features have one, what they hold, and that streams compute the same.
MASK = ScalerChoice(mask=True)


def with_gaps(column=0):
    values = np.random.default_rng(0).standard_normal((120, 2))
    values[20:24, column] = np.nan
    values[100:103, :] = np.nan
    return values


def test_features_with_missing_training_values_have_a_mask():
    values = with_gaps()
    dataset = build_dataset(make_series(values=values), **SHAPE, choice=MASK)
    assert dataset.channels == ("load", "pressure", "load@observed")
    np.testing.assert_array_equal(dataset.inputs[:, 2], ~np.isnan(values[:, 0]))
    plain = build_dataset(make_series(values=values), **SHAPE)
    np.testing.assert_array_equal(dataset.inputs[:, :2], plain.inputs)
    assert any("Observed masks" in note and "load" in note for note in dataset.series.notes)
    complete = build_dataset(make_series(), **SHAPE, choice=MASK)
    assert complete.channels == ("load", "pressure")
    assert any("data.mask=true adds no channel" in note for note in complete.series.notes)


def test_later_data_get_the_masks_of_the_model():
    known = Scaler.from_dict(
        build_dataset(make_series(values=with_gaps()), **SHAPE, choice=MASK).scaler.to_dict()
    )
    later = build_dataset(make_series(values=with_gaps(column=1)), **SHAPE, scaler=known)
    assert later.channels == ("load", "pressure", "load@observed")
    assert later.scaler.to_dict() == known.to_dict()


def test_masks_stand_before_future_covariates_and_streams_compute_them():
    values = with_gaps()
    series = make_series(values=values, known_ahead=("pressure",))
    dataset = build_dataset(series, **SHAPE, choice=MASK, future_covariates=["pressure"])
    assert dataset.channels == ("load", "pressure", "load@observed", "pressure@+3", "pressure@+4")
    task = Task(lookback=6, channels=5, lead=3, horizon=2, target_indices=(0,))
    metadata = ModelMetadata.from_task(task, describe_data(dataset))
    assert metadata.masked_features == ("load",)
    rows = metadata.rows(series.time, dict(zip(series.features, values.T, strict=True)))
    streamed = metadata.inputs(series.time, rows)
    observed = ~np.isnan(streamed)
    np.testing.assert_array_equal(streamed[observed], dataset.inputs[: len(streamed)][observed])
    np.testing.assert_array_equal(streamed[:, 2], dataset.inputs[: len(streamed), 2])


def test_later_rows_do_not_change_the_masks_of_earlier_ones():
    values = with_gaps()
    changed = values.copy()
    changed[90:] = np.nan
    changed[110:] = 1.0
    before, after = (build_dataset(make_series(values=v), **SHAPE, choice=MASK) for v in (values, changed))
    assert before.channels == after.channels
    np.testing.assert_array_equal(before.inputs[:90], after.inputs[:90])
