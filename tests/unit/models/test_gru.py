import numpy as np
import pytest

from tests.helpers.model_checks import (
    ENCODING,
    TASKS,
    batch,
    check_causality,
    check_saving,
    check_shapes_and_order,
    check_training,
)
from tsforecast.models.gru import GRU
from tsforecast.models.task import Task


def make(task, **changes):
    return GRU(
        task, **{"units": (5, 4), "dense_units": (6,), "dropout": 0.1, "encoding": ENCODING, **changes}
    )


@pytest.mark.parametrize("anchor", [True, False])
def test_shapes(anchor):
    check_shapes_and_order(lambda task: make(task, anchor=anchor))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_saving(tmp_path, policy):
    check_saving(make, tmp_path, policy)


@pytest.mark.parametrize("dense", [True, False])
def test_training(dense):
    check_training(make, dense=dense)


def test_causality():
    check_causality(make)


def test_the_anchor_adds_the_last_known_value_of_each_target():
    task = TASKS["steps and targets"]
    past, _ = batch(task)
    anchored, free = make(task), make(task, anchor=False)
    free.set_weights(anchored.get_weights())
    added = np.asarray(anchored(past)) - np.asarray(free(past))
    expected = np.repeat(past[:, -1:, list(task.target_indices)], task.horizon, axis=1)
    np.testing.assert_allclose(added, expected, atol=1e-5)
    every = np.asarray(anchored.sequence_model()(past)) - np.asarray(free.sequence_model()(past))
    np.testing.assert_allclose(every[:, :, 0], past[..., list(task.target_indices)], atol=1e-5)


def test_the_users_widths_give_this_many_parameters():
    task = Task(lookback=100, channels=12, lead=10, horizon=1, target_indices=(0,))
    layers = ((12, 128), (128, 128), (128, 64))
    recurrent = sum(3 * units * (units + wide + 2) for wide, units in layers)  # two biases: reset_after
    shortcuts = 12 * 128 + 128 * 64
    assert GRU(task).count_params() == recurrent + shortcuts + 64 * 64 + 64 + 64 + 1


def test_a_layer_that_gives_nothing_lets_its_input_through():
    """With the recurrent weights at zero a GRU's output is zero, and the way around is all that is left."""
    task = Task(lookback=8, channels=4, lead=1, horizon=1, target_indices=(0,))
    model = make(task, units=(4,), dense_units=(), dropout=0.0, anchor=False, encoding=None)
    gru = model.get_layer("gru_1")
    gru.set_weights([np.zeros_like(weight) for weight in gru.get_weights()])
    past, _ = batch(task)
    kernel, bias = model.get_layer("head").get_weights()
    np.testing.assert_allclose(np.asarray(model(past))[:, 0], past[:, -1] @ kernel + bias, atol=1e-5)
