import numpy as np
import pytest

from tests.helpers.model_checks import TASKS, batch
from tsforecast.models.nlinear import NLinear


def make(task):
    return NLinear(task)


def test_it_has_no_forecast_of_earlier_steps():
    with pytest.raises(ValueError, match="supervision=last"):
        make(TASKS["one step"]).sequence_model()


def test_a_shift_of_the_window_shifts_the_forecast():
    task = TASKS["steps and targets"]
    model, (past, _) = make(task), batch(task)
    shifted = np.asarray(model(past + 10.0)) - np.asarray(model(past))
    np.testing.assert_allclose(shifted, 10.0, rtol=1e-4)


def test_it_is_a_map_of_the_history_less_its_last_value():
    task = TASKS["steps and targets"]
    model, (past, _) = make(task), batch(task)
    history = past[..., list(task.target_indices)]
    kernel, bias = model.get_layer("map").get_weights()
    change = np.einsum("blt,lh->bht", history - history[:, -1:], kernel) + bias[:, None]
    np.testing.assert_allclose(np.asarray(model(past)), change + history[:, -1:], rtol=1e-4, atol=1e-5)
