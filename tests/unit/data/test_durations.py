"""Durations in steps, on regular grids and on those of the calendar."""

import numpy as np
import pytest

from tests.helpers.series_factory import make_series
from tsforecast.data.durations import block_steps, days_to_steps, mean_step, steps_to_days
from tsforecast.data.series import Series

MONTHS = np.arange("2000-01", "2020-01", dtype="datetime64[M]").astype("datetime64[s]")
DAYS = np.arange("2020-01-01", "2024-01-01", dtype="datetime64[D]")
BUSINESS_DAYS = DAYS[np.is_busday(DAYS)].astype("datetime64[s]")


def on_times(time, season):
    return Series(time, np.zeros((len(time), 1)), ("load",), ("load",), season)


@pytest.mark.parametrize(
    ("series", "days", "steps"),
    [
        (make_series(step=60), 60, 86_400),
        (make_series(step=60), 0.5, 720),
        (make_series(step=3600), 7, 168),
        (make_series(step=86_400), 60, 60),
        (make_series(step=7 * 86_400), 60, 9),
        (on_times(BUSINESS_DAYS, 5), 28, 20),
        (on_times(MONTHS, 12), 3652.5, 120),
        (on_times(MONTHS[:1], 12), 3, 3),
    ],
)
def test_days_take_steps(series, days, steps):
    assert days_to_steps(series, days) == steps
    assert steps_to_days(series, steps) == pytest.approx(days, rel=0.06)


@pytest.mark.parametrize("step", [1, 60, 900, 3600, 86_400])
def test_the_mean_step_of_a_regular_grid_is_its_step(step):
    assert mean_step(make_series(step=step)) == step


def test_a_block_is_a_day_or_else_a_season_of_seven_steps_at_least():
    assert block_steps(make_series(step=60)) == 1440
    assert block_steps(make_series(step=86_400, season=7)) == 7
    assert block_steps(make_series(step=86_400, season=1)) == 7
    assert block_steps(on_times(MONTHS, 12)) == 12
