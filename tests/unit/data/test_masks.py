"""Observed masks: which features have one, what they hold, and that streams compute the same."""

import numpy as np

from tests.helpers.series_factory import make_series
from tsforecast.data.dataset import build_dataset
from tsforecast.data.scaling import Scaler, ScalerChoice
from tsforecast.inference.metadata import ModelMetadata, describe_data
from tsforecast.models.task import Task

SHAPE = {
    "lookback": 6,
    "lead": 3,
    "horizon": 2,
    "stride": 1,
    "split": {"train": 0.6, "val": 0.2, "test": 0.2},
}
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
