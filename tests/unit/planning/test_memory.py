"""The bytes of a run, checked by hand."""

import dataclasses

import keras
import pytest

from tests.helpers.context_case import context_dataset, draw_values
from tsforecast.models.lstm import LSTM
from tsforecast.models.task import Task
from tsforecast.planning.activations import Activations
from tsforecast.planning.layer_memory import Execution
from tsforecast.planning.memory import (
    USABLE,
    MemoryEstimate,
    choose_accumulation,
    estimate_memory,
    optimizer_bytes,
    training_data_bytes,
)

CPU = Execution("cpu", 4)
TASK = Task(lookback=100, channels=12, lead=10, horizon=1, target_indices=(0,))


def make_estimate(**changes):
    fields = {
        "params": 1000,
        "weights": 4000,
        "gradients": 4000,
        "optimizer": 8000,
        "window": 4800,
        "activations": Activations(kept=40_000, work=10_000, worst="x", infer=9000, values=5000, uses=()),
        "resident": 1_000_000,
        "program": 2_000_000,
    }
    return MemoryEstimate(**{**fields, **changes})


def test_the_items_of_a_step_add_up():
    items = make_estimate().training(10)
    assert items["batch"] == 48_000
    assert items["activations"] == 400_000
    assert items["step"] == 4000 + 4000 + 8000 + 48_000 + 400_000 + 100_000
    assert make_estimate().peak(10) == items["step"] + 3_000_000


def test_the_context_counts_among_the_data():
    dataset = context_dataset(draw_values(400), "events")
    without = dataclasses.replace(dataset, inputs=dataset.inputs[:, :2].copy())
    more = len(dataset.channels) - 2
    # In the arrays, and in the tensors made of them.
    assert training_data_bytes(dataset) - training_data_bytes(without) == 2 * 4 * 400 * more


def test_the_largest_batch_fits_and_one_more_does_not():
    plan, device = make_estimate(), 10_000_000
    largest = plan.largest_batch(device)
    assert plan.peak(largest) <= USABLE * device < plan.peak(largest + 1)
    assert make_estimate().largest_batch(1_000_000) == 0


@pytest.mark.parametrize(
    ("effective", "largest", "expected"),
    [(256, 1000, (256, 1)), (256, 100, (64, 4)), (96, 40, (32, 3)), (7, 3, (1, 7)), (1, 1, (1, 1))],
)
def test_accumulation_keeps_the_effective_batch_size(effective, largest, expected):
    batch, steps = choose_accumulation(effective, largest)
    assert (batch, steps) == expected
    assert batch * steps == effective
    assert batch <= largest


def test_a_batch_of_the_users_is_153_600_bytes_and_not_megabytes():
    model = LSTM(TASK, units=[4], dense_units=[])
    plan = estimate_memory(model, CPU, optimizer=0, dense_from=None)
    truth = 4  # one float32 a window
    assert plan.training(32)["batch"] - 32 * truth == 153_600


def test_weights_gradients_and_optimizer_are_counted_from_the_variables():
    model = LSTM(TASK, units=[8], dense_units=[])
    params = 4 * 8 * (12 + 8 + 1) + 9
    state = optimizer_bytes(keras.optimizers.AdamW(1e-3), model)
    plan = estimate_memory(model, CPU, optimizer=state, dense_from=None, parts=2)
    assert plan.params == params
    assert plan.weights == pytest.approx(4 * params, abs=32)  # and the seeds of its random layers
    assert plan.gradients == 2 * 4 * params
    assert state == pytest.approx(2 * 4 * params, abs=32)  # two moments, and a few scalars
    accumulating = keras.optimizers.AdamW(1e-3, gradient_accumulation_steps=4)
    assert optimizer_bytes(accumulating, model) == pytest.approx(3 * 4 * params, abs=32)
