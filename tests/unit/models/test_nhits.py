import dataclasses

import numpy as np
import pytest

from tests.helpers.model_checks import TASKS, batch
from tsforecast.models.nhits import NHITS


def make(task, **options):
    return NHITS(task, **{"pools": [4, 1], "rates": [2, 1], "units": 8, **options})


def test_a_forecast_has_the_level_and_the_size_of_its_window():
    task = dataclasses.replace(TASKS["one step"], channels=1, horizon=3)
    model, past = make(task), batch(task)[0]
    forecast = np.asarray(model(past))
    np.testing.assert_allclose(np.asarray(model(3 * past + 7)), 3 * forecast + 7, rtol=1e-3, atol=1e-3)
    plain = make(task, instance_norm=False)
    assert np.abs(np.asarray(plain(3 * past + 7)) - (3 * np.asarray(plain(past)) + 7)).max() > 0.1


def test_other_channels_count_at_the_last_step_only():
    task = TASKS["steps and targets"]  # of channels 2 and 0
    model, past = make(task), batch(task)[0]
    before = np.asarray(model(past))
    earlier, last = past.copy(), past.copy()
    earlier[:, :-1, 1] += 5
    last[:, -1, 1] += 5
    np.testing.assert_array_equal(np.asarray(model(earlier)), before)
    assert np.abs(np.asarray(model(last)) - before).max() > 1e-3


def test_categories_are_embedded():
    task = dataclasses.replace(TASKS["one step"], category_of=(-1, -1, 0), category_counts=(5,))
    model, past = make(task), batch(task)[0]
    first, second = past.copy(), past.copy()
    first[..., 2], second[..., 2] = 2, 3
    assert np.abs(np.asarray(model(first)) - np.asarray(model(second))).max() > 0


def test_a_block_with_one_knot_forecasts_a_constant():
    task = dataclasses.replace(TASKS["one step"], channels=1, horizon=3)
    forecast = np.asarray(make(task, pools=[4], rates=[3])(batch(task)[0]))
    assert np.ptp(forecast, axis=1).max() < 1e-6


def test_every_pool_needs_a_rate():
    with pytest.raises(ValueError, match="must have one length"):
        make(TASKS["one step"], pools=[4, 2, 1])
