import numpy as np
import pytest

from tests.helpers.monitoring_case import DAY, local
from tsforecast.monitoring import chart_fitting
from tsforecast.monitoring.chart_fitting import SeriesBlocks, fit_charts
from tsforecast.monitoring.detectors.drift import ChartReference
from tsforecast.monitoring.reference import FITTING

HOUR = 3600


def make_blocks(days, first_day=0, seed=0, level=1.0):
    rng = np.random.default_rng(seed)
    time = np.arange(first_day * DAY, (first_day + days) * DAY, HOUR)
    values = level * (5 + np.sin(time / DAY * 2 * np.pi)[:, None] + rng.normal(0, 0.3, (len(time), 2)))
    values[rng.uniform(size=values.shape) < 0.02] = np.nan
    return SeriesBlocks(time, values, len(time) * 3 // 4, np.full(2, 0.01 * level))


def to_arrays(reference):
    return [*vars(reference.profile).values(), *vars(reference.tail).values()]


@pytest.mark.parametrize("most", [1, 10**6])
def test_series_of_the_same_times_get_the_charts_that_each_gets_alone(monkeypatch, most):
    monkeypatch.setattr(chart_fitting, "MAX_VALUES", most)
    series = [make_blocks(60, seed=seed, level=10.0**seed) for seed in range(3)]
    for part, together in zip(series, fit_charts(series, HOUR, local, FITTING), strict=True):
        alone = ChartReference.fit(
            local(part.time), part.values, part.fitted, HOUR, FITTING, min_scale=part.min_scale
        )
        for ours, theirs in zip(to_arrays(together), to_arrays(alone), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_series_of_other_times_are_fitted_on_their_own_blocks():
    series = [make_blocks(60), make_blocks(30, first_day=20, seed=1, level=100.0), make_blocks(3, 50, 2)]
    charts = fit_charts(series, HOUR, local, FITTING)
    for part, reference in zip(series, charts, strict=True):
        middle = np.nanmedian(part.values[: part.fitted], axis=0)
        np.testing.assert_allclose(np.median(reference.profile.center, axis=0), middle, rtol=0.1)
        assert (reference.tail.per_week > 0).any()
    assert fit_charts([], HOUR, local, FITTING) == []
