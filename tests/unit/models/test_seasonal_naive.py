import dataclasses

import numpy as np
import pytest

from tests.helpers.model_checks import TASKS, batch, check_saving
from tsforecast.metrics import seasonal_naive_forecast
from tsforecast.models.seasonal_naive import SeasonalNaive


def test_saving(tmp_path):
    check_saving(SeasonalNaive, tmp_path, "mixed_bfloat16")


@pytest.mark.parametrize("lead", [1, 2, 8, 9, 15])
def test_it_is_the_baseline(lead):
    """Leads within the season, at it and beyond it."""
    task = dataclasses.replace(TASKS["steps and targets"], lead=lead)
    past, _ = batch(task)
    found = np.asarray(SeasonalNaive(task)(past))
    for window, forecast in zip(past, found, strict=True):
        expected = seasonal_naive_forecast(
            window[:, list(task.target_indices)],
            np.array([task.lookback - 1]),
            lead,
            task.horizon,
            task.season,
        )
        np.testing.assert_array_equal(forecast[None], expected)


def test_a_window_shorter_than_the_season_is_refused_with_the_length_it_takes():
    task = dataclasses.replace(TASKS["one step"], season=30)
    with pytest.raises(ValueError, match=r"season of 30 .* set window\.lookback=29"):
        SeasonalNaive(task)
    fits = dataclasses.replace(task, lookback=29)
    past, _ = batch(fits)
    np.testing.assert_array_equal(np.asarray(SeasonalNaive(fits)(past))[:, 0, 0], past[:, 0, 0])
