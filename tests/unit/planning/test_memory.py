"""Byte arithmetic by hand, and the walk over a model's graph."""

import keras
import numpy as np
import pytest

from tsforecast.models.gru import GRU
from tsforecast.models.lstm import LSTM
from tsforecast.models.task import Task
from tsforecast.planning.activations import Activations, activations, walk
from tsforecast.planning.memory import USABLE, Memory, accumulation, memory_of, optimizer_bytes
from tsforecast.planning.rules import Place

CPU = Place("cpu", 4)
TASK = Task(lookback=100, channels=12, lead=10, horizon=1, target_indices=(0,))


def memory(**changes):
    lines = {
        "params": 1000,
        "weights": 4000,
        "gradients": 4000,
        "optimizer": 8000,
        "window": 4800,
        "activations": Activations(kept=40_000, work=10_000, worst="x", infer=9000, values=5000, uses=()),
        "resident": 1_000_000,
        "program": 2_000_000,
    }
    return Memory(**{**lines, **changes})


def test_the_lines_of_a_step_add_up():
    lines = memory().training(10)
    assert lines["batch"] == 48_000
    assert lines["activations"] == 400_000
    assert lines["step"] == 4000 + 4000 + 8000 + 48_000 + 400_000 + 100_000
    assert memory().peak(10) == lines["step"] + 3_000_000


def test_the_largest_batch_fits_and_one_more_does_not():
    plan, device = memory(), 10_000_000
    largest = plan.largest_batch(device)
    assert plan.peak(largest) <= USABLE * device < plan.peak(largest + 1)
    assert memory().largest_batch(1_000_000) == 0


@pytest.mark.parametrize(
    ("effective", "largest", "expected"),
    [(256, 1000, (256, 1)), (256, 100, (64, 4)), (96, 40, (32, 3)), (7, 3, (1, 7)), (1, 1, (1, 1))],
)
def test_accumulation_keeps_the_effective_batch(effective, largest, expected):
    batch, steps = accumulation(effective, largest)
    assert (batch, steps) == expected
    assert batch * steps == effective
    assert batch <= largest


def test_a_batch_of_the_users_is_153_600_bytes_and_not_megabytes():
    model = LSTM(TASK, units=[4], dense_units=[])
    plan = memory_of(model, CPU, optimizer=0, dense_from=None)
    truth = 4  # one float32 a window
    assert plan.training(32)["batch"] - 32 * truth == 153_600


def test_weights_gradients_and_optimizer_are_counted_from_the_variables():
    model = LSTM(TASK, units=[8], dense_units=[])
    params = 4 * 8 * (12 + 8 + 1) + 9
    held = optimizer_bytes(keras.optimizers.AdamW(1e-3), model)
    plan = memory_of(model, CPU, optimizer=held, dense_from=None, parts=2)
    assert plan.params == params
    assert plan.weights == pytest.approx(4 * params, abs=32)  # and the seeds of its random layers
    assert plan.gradients == 2 * 4 * params
    assert held == pytest.approx(2 * 4 * params, abs=32)  # two moments, and a few scalars
    accumulating = keras.optimizers.AdamW(1e-3, gradient_accumulation_steps=4)
    assert optimizer_bytes(accumulating, model) == pytest.approx(3 * 4 * params, abs=32)


def test_the_walk_sees_every_layer_once_in_order():
    model = GRU(TASK, units=[8, 8], dense_units=[], dropout=0.1)
    names = [use.name for use in walk(model.sequence_model(), CPU)]
    assert [name for name in names if name.startswith(("gru", "residual"))] == [
        "gru_1",
        "residual_1",
        "gru_2",
        "residual_2",
    ]
    assert len(names) == len(set(names))


def test_more_layers_width_or_steps_hold_more():
    def kept(lookback=100, units=(16,)):
        task = Task(lookback=lookback, channels=12, lead=10, horizon=1, target_indices=(0,))
        model = LSTM(task, units=units, dense_units=[])
        found = activations(model.sequence_model(), model, CPU)
        return found.kept + found.work

    assert kept(units=(16, 16)) > kept()
    assert kept(units=(32,)) == pytest.approx(2 * kept(), rel=0.1)
    assert kept(lookback=200) == pytest.approx(2 * kept(), rel=0.01)


def test_half_precision_halves_what_dense_layers_hold_but_not_the_loops_of_our_kernels():
    keras.config.set_dtype_policy("mixed_float16")
    past = keras.Input((100, 12))
    dense = keras.Model(past, keras.layers.Dense(64)(past))
    (full,), (half,) = walk(dense, CPU), walk(dense, Place("cpu", 2))
    assert half.kept * 2 == full.kept
    model = LSTM(TASK, units=[8], dense_units=[])
    loops = [walk(model, place)[0].kept for place in (CPU, Place("cpu", 2))]
    assert loops[0] == loops[1]


def test_operations_run_one_by_one_keep_what_the_loops_return_and_no_more():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = LSTM(TASK, units=[8, 8], dense_units=[], dropout=0.1)
    program, one_by_one = (
        activations(model.sequence_model(), model, Place("cpu", size, size == 2)) for size in (4, 2)
    )
    assert one_by_one.kept < program.kept
    assert one_by_one.infer < program.infer
    gates_carries_outputs = 4 * (4 + 1 + 1) * 8 * TASK.lookback
    assert one_by_one.kept > 2 * gates_carries_outputs


def test_a_layer_that_keeps_to_float32_is_not_halved():
    keras.config.set_dtype_policy("mixed_float16")
    past = keras.Input((100, 12))
    (use,) = walk(keras.Model(past, keras.layers.Dense(64, dtype="float32")(past)), Place("gpu", 2))
    assert use.kept == 4 * 100 * 64


def test_the_members_of_an_ensemble_are_walked_through():
    past, inner = keras.Input((100, 12)), keras.Input((100, 12))
    member = keras.Model(inner, keras.layers.Dense(64)(inner))
    lone = activations(member, member, CPU)
    whole = keras.Model(past, keras.layers.Concatenate()([member(past), member(past)]))
    both = activations(whole, whole, CPU)
    assert sum(use.kind == "Dense" for use in both.uses) == 2
    assert both.kept >= 2 * lone.kept
    assert both.infer > lone.infer


def test_the_input_stays_to_the_end_of_a_forecast():
    past = keras.Input((1000, 12))
    short = keras.layers.Flatten()(past)[:, :8]
    model = keras.Model(past, keras.layers.Dense(20_000)(short))  # wider than all before it
    assert activations(model, model, CPU).infer >= 4 * (1000 * 12 + 20_000)


def test_a_layer_of_ones_own_counts_as_its_dense_layers():
    class Own(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(256)
            self.outer = keras.layers.Dense(12)

        def call(self, x):
            return self.outer(self.inner(x))

        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, x.dtype)

    past = keras.Input((100, 12))
    (use,) = walk(keras.Model(past, Own()(past)), CPU)
    assert use.kept >= 4 * 100 * (256 + 12)


def test_what_a_skip_needs_later_counts_while_the_layer_between_forecasts():
    past = keras.Input((10, 8))
    first = keras.layers.Dense(8)(past)
    second = keras.layers.Dense(8)(first)
    plain = keras.Model(past, second)
    skip = keras.Model(past, keras.layers.Add()([first, second]))
    task_free = [activations(model, model, CPU).infer for model in (plain, skip)]
    assert task_free[1] - task_free[0] >= np.prod([10, 8]) * 4
