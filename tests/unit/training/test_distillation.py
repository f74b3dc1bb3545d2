"""The soft targets of a student, compared with a direct computation of their definition."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from tsforecast.data.dataset import build_dataset
from tsforecast.data.series import Series
from tsforecast.errors import UserError
from tsforecast.losses import SquaredError
from tsforecast.models.estimator import Estimator
from tsforecast.training.distillation import soft_outputs, with_soft_targets
from tsforecast.training.options import DistillationOptions


def dataset(horizon):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 2))
    values[40, 0] = np.nan
    time = np.datetime64("2020-01-01", "s") + np.arange(300) * np.timedelta64(60, "s")
    series = Series(time, values, ("a", "b"), ("a",), 24)
    window = {"lookback": 10, "lead": 2, "horizon": horizon, "stride": 1}
    return build_dataset(series, **window, split={"train": 0.6, "val": 0.2, "test": 0.2})


class Teacher(Estimator):
    """Forecasts its window's end and the step, so that every forecast is known."""

    def __init__(self, task=None, has_spike_head=False):
        super().__init__(task or SimpleNamespace(quantile_levels=None), {"has_spike_head": has_spike_head})
        self.has_spike_head = has_spike_head

    def forecast(self, windows):
        steps = np.arange(windows.horizon)
        return (windows.ends[:, None, None] + 0.25 * steps[:, None]).astype("float32")

    def outputs(self, windows):
        outputs = {"forecast": self.forecast(windows)}
        if self.has_spike_head:
            outputs["spike"] = np.where(
                windows.ends[:, None, None] % 2, 0.0, np.full(outputs["forecast"].shape, 50.0)
            )
        return outputs


def distill(data, teacher, share, folds=None):
    options = DistillationOptions(share=share, folds=folds)
    output = soft_outputs(data, teacher, options, 0, SquaredError())
    return with_soft_targets(data, teacher.task, output, share)


@pytest.mark.parametrize("horizon", [1, 3])
def test_a_row_is_the_mix_of_truth_and_mean_forecast(horizon):
    data = dataset(horizon)
    distilled = distill(data, Teacher(), 0.3)
    assert distilled.truths is data.truths
    mixed, truths, spikes = distilled.windows("train").truths.T
    np.testing.assert_array_equal(truths, data.truths[:, 0])
    assert np.isnan(spikes).all()
    ends = data.windows("train").ends
    for row in range(len(mixed)):
        forecasts = [row - 2 - step + 0.25 * step for step in range(horizon) if row - 2 - step in ends]
        expected = data.truths[row, 0]
        if forecasts:
            expected = 0.7 * expected + 0.3 * np.mean(forecasts)
        np.testing.assert_allclose(mixed[row], expected, rtol=1e-5)


def test_validation_and_test_rows_stay():
    data = dataset(1)
    distilled = distill(data, Teacher(), 1.0)
    mixed, stop = distilled.windows("train").truths[:, :1], data.borders[0][1]
    np.testing.assert_array_equal(mixed[stop:], data.truths[stop:])
    assert np.isnan(mixed[40, 0])
    assert not np.array_equal(mixed[:stop], data.truths[:stop], equal_nan=True)
    for split in ("val", "test"):
        assert distilled.windows(split).truths is data.truths


def test_probabilities_of_a_spike_are_averaged_too():
    data = dataset(2)
    spikes = distill(data, Teacher(has_spike_head=True), 0.3).windows("train").truths[:, 2]
    ends = set(data.windows("train").ends)
    for row in range(len(spikes)):
        probabilities = [(1.0, 0.5)[end % 2] for end in (row - 2, row - 3) if end in ends]
        np.testing.assert_allclose(spikes[row], np.mean(probabilities) if probabilities else np.nan)


class Rote(Estimator):
    """Forecasts 1 for the windows that it was fitted on, and 0 for others."""

    def __init__(self, task=None):
        super().__init__(task or SimpleNamespace(quantile_levels=None), {})

    def fit(self, train, val, *, seed, loss, log):
        self.known = train.ends
        return 1

    def forecast(self, windows):
        known = np.isin(windows.ends, self.known).astype("float32")
        return np.repeat(known[:, None, None], windows.horizon, axis=1)


def test_with_folds_a_teacher_forecasts_only_what_it_has_not_seen():
    data = dataset(1)
    data = dataclasses.replace(
        data, series=dataclasses.replace(data.series, season=5)
    )  # folds of 35 rows in turn
    mixed = distill(data, Rote(), 1.0, folds=2).windows("train").truths[:, 0]
    ends = data.windows("train").ends
    np.testing.assert_array_equal(mixed[ends + 2][np.isfinite(data.truths[ends + 2, 0])], 0.0)


def test_folds_need_a_teacher_that_can_be_fitted_and_enough_rows():
    with pytest.raises(UserError, match="without training steps: lightgbm"):
        distill(dataset(1), SimpleNamespace(task=None), 0.5, folds=2)
    with pytest.raises(UserError, match="fewer than 9 times 7 seasons of 24 rows"):
        distill(dataset(1), Rote(), 0.5, folds=9)
