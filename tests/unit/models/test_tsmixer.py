import dataclasses

import numpy as np
import pytest

from tests.helpers.model_checks import TASKS, batch
from tsforecast.models.task import Task
from tsforecast.models.tsmixer import TSMixer


def test_other_measured_channels_are_mixed_in():
    task = TASKS["one step"]
    model, past = TSMixer(task, units=8, dropout=0.0), batch(task)[0]
    changed = past.copy()
    changed[:, :5, 2] += 5.0
    assert np.abs(np.asarray(model(changed)) - np.asarray(model(past))).max() > 1e-4


def test_a_forecast_has_the_level_and_the_size_of_its_window():
    task = dataclasses.replace(TASKS["one step"], channels=1, horizon=3)
    model, past = TSMixer(task, units=8, dropout=0.0), batch(task)[0]
    forecast = np.asarray(model(past))
    np.testing.assert_allclose(np.asarray(model(3 * past + 7)), 3 * forecast + 7, rtol=1e-3, atol=1e-3)


def test_the_published_code_has_as_many_parameters():
    # ETTh1 with two blocks of 16 at horizon 96, lookback 512; counted by hand.
    task = Task(lookback=512, channels=7, lead=1, horizon=96, target_indices=tuple(range(7)))
    model = TSMixer(task, blocks=2, units=16)
    block = 2 * 2 * 512 * 7 + 513 * 512 + 8 * 16 + 17 * 7
    trained = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert trained == 2 * block + 513 * 96 + 2 * 7


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="norm=group"):
        TSMixer(TASKS["one step"], norm="group")
