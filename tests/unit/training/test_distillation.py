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

    def __init__(self):
        self.task = SimpleNamespace(quantile_levels=None)

    def forecast(self, windows):
        steps = np.arange(windows.horizon)
        return (windows.ends[:, None, None] + 0.25 * steps[:, None]).astype("float32")


@pytest.mark.parametrize("horizon", [1, 3])
def test_a_row_is_the_mix_of_truth_and_mean_forecast(horizon):
    data = dataset(horizon)
    mixed = with_soft_targets(data, Teacher(), alpha=0.3).truths[:, 0]
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
    stop = data.borders[0][1]
    np.testing.assert_array_equal(distilled.truths[stop:], data.truths[stop:])
    assert np.isnan(distilled.truths[40, 0])
    assert not np.array_equal(distilled.truths[:stop], data.truths[:stop], equal_nan=True)
