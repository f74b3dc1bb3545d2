import numpy as np
import pytest

from tests.helpers.model_checks import TASKS, batch
from tsforecast.models.dlinear import DLinear


def make(task):
    return DLinear(task, kernel_size=5)


def test_it_has_no_forecast_of_earlier_steps():
    with pytest.raises(ValueError, match="supervision=last"):
        make(TASKS["one step"]).sequence_model()


def test_it_is_a_map_of_the_trend_plus_a_map_of_the_rest():
    task = TASKS["steps and targets"]
    model, (past, _) = make(task), batch(task)
    history = past[..., list(task.target_indices)]
    padded = np.pad(history, [(0, 0), (2, 2), (0, 0)], mode="edge")
    trend = np.stack([padded[:, i : i + 5].mean(1) for i in range(task.lookback)], 1)
    expected = 0.0
    for name, part in (("trend", trend), ("rest", history - trend)):
        kernel, bias = model.get_layer(name).get_weights()
        expected = expected + np.einsum("blt,lh->bht", part, kernel) + bias[:, None]
    np.testing.assert_allclose(np.asarray(model(past)), expected, rtol=1e-4, atol=1e-5)
