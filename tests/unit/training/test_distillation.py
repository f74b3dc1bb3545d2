"""The soft targets of a student, compared with a direct computation of their definition."""

from types import SimpleNamespace

import numpy as np
import pytest

from tsforecast.data.dataset import build_dataset
from tsforecast.data.series import Series
from tsforecast.models.estimator import Estimator
from tsforecast.training.distillation import with_soft_targets


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

    def __init__(self, has_spike_head=False):
        self.task = SimpleNamespace(quantile_levels=None)
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


@pytest.mark.parametrize("horizon", [1, 3])
def test_a_row_is_the_mix_of_truth_and_mean_forecast(horizon):
    data = dataset(horizon)
    distilled = with_soft_targets(data, Teacher(), alpha=0.3)
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
    distilled = with_soft_targets(data, Teacher(), alpha=1.0)
    mixed, stop = distilled.windows("train").truths[:, :1], data.borders[0][1]
    np.testing.assert_array_equal(mixed[stop:], data.truths[stop:])
    assert np.isnan(mixed[40, 0])
    assert not np.array_equal(mixed[:stop], data.truths[:stop], equal_nan=True)
    for split in ("val", "test"):
        assert distilled.windows(split).truths is data.truths


def test_probabilities_of_a_spike_are_averaged_too():
    data = dataset(2)
    spikes = with_soft_targets(data, Teacher(has_spike_head=True), alpha=0.3).windows("train").truths[:, 2]
    ends = set(data.windows("train").ends)
    for row in range(len(spikes)):
        probabilities = [(1.0, 0.5)[end % 2] for end in (row - 2, row - 3) if end in ends]
        np.testing.assert_allclose(spikes[row], np.mean(probabilities) if probabilities else np.nan)
