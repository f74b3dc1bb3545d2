import dataclasses

import numpy as np
import pytest

from tests.helpers.model_checks import TASKS, batch
from tsforecast.models.moderntcn import ModernTCN
from tsforecast.models.task import Task

SMALL = {"units": 4, "kernel": 5, "small_kernel": 3}


def test_a_forecast_has_the_level_and_the_size_of_its_window():
    task = dataclasses.replace(TASKS["one step"], channels=1, horizon=3)
    model, past = ModernTCN(task, **SMALL), batch(task)[0]
    forecast = np.asarray(model(past))
    np.testing.assert_allclose(np.asarray(model(3 * past + 7)), 3 * forecast + 7, rtol=1e-3, atol=1e-3)


def test_the_published_code_has_as_many_parameters():
    # ETTh1 at horizon 96, lookback 336: 64 wide, one block, kernels of 51 and 5; counted by hand.
    task = Task(lookback=336, channels=7, lead=1, horizon=96, target_indices=tuple(range(7)))
    model = ModernTCN(task)
    stem = 8 * 64 + 64 + 2 * 64
    convolution = 7 * 64 * (51 + 5 + 2 * 2) + 2 * 64
    networks = 2 * 7 * (64 * 64 + 64) + 2 * 64 * (7 * 7 + 7)
    trained = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert trained == stem + convolution + networks + (64 * 84 + 1) * 96


@pytest.mark.parametrize(
    "wrong", [{"kernel": 4}, {"small_kernel": 2}, {"patch_stride": 9}, {"patch_len": 25}]
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ModernTCN(TASKS["one step"], **{**SMALL, **wrong})
