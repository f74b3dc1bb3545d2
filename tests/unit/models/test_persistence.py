import numpy as np
import pytest

from tests.helpers.model_checks import LEVELS, TASKS, batch, check_saving
from tsforecast.metrics import persistence_forecast
from tsforecast.models.persistence import Persistence


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_saving(tmp_path, policy):
    check_saving(Persistence, tmp_path, policy)


@pytest.mark.parametrize("name", TASKS)
def test_it_is_the_baseline(name):
    task = TASKS[name]
    past, _ = batch(task)
    for window in past:
        expected = persistence_forecast(
            window[:, list(task.target_indices)], np.array([task.lookback - 1]), task.horizon
        )
        found = np.asarray(Persistence(task)(window[None]))
        if task.quantile_levels:
            assert found.shape[-1] == len(LEVELS)
            found = found[..., 1]
        np.testing.assert_array_equal(found, expected)


def test_there_is_nothing_to_train():
    assert Persistence(TASKS["one step"]).trainable_variables == []
