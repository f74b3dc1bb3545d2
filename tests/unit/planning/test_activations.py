"""The walk through a model's graph, and the memory of its layers."""

import keras
import numpy as np
import pytest

from tsforecast.models.gru import GRU
from tsforecast.models.lstm import LSTM
from tsforecast.models.task import Task
from tsforecast.planning.activations import count_activations, layer_memories
from tsforecast.planning.layer_memory import Execution, count_elements

CPU = Execution("cpu", 4)
TASK = Task(lookback=100, channels=12, lead=10, horizon=1, target_indices=(0,))


def test_every_layer_is_counted_once_in_order():
    model = GRU(TASK, units=[8, 8], dense_units=[], dropout=0.1)
    names = [use.name for use in layer_memories(model.sequence_model(), CPU)]
    assert [name for name in names if name.startswith(("gru", "residual"))] == [
        "gru_1",
        "residual_1",
        "gru_2",
        "residual_2",
    ]
    assert len(names) == len(set(names))


def test_more_layers_units_or_steps_need_more():
    def kept(lookback=100, units=(16,)):
        task = Task(lookback=lookback, channels=12, lead=10, horizon=1, target_indices=(0,))
        model = LSTM(task, units=units, dense_units=[])
        window = count_activations(model.sequence_model(), model, CPU)
        return window.kept + window.work

    assert kept(units=(16, 16)) > kept()
    assert kept(units=(32,)) == pytest.approx(2 * kept(), rel=0.1)
    assert kept(lookback=200) == pytest.approx(2 * kept(), rel=0.01)


def test_half_precision_halves_dense_layers_but_not_the_recurrent_loops():
    keras.config.set_dtype_policy("mixed_float16")
    past = keras.Input((100, 12))
    dense = keras.Model(past, keras.layers.Dense(64)(past))
    (full,), (half,) = layer_memories(dense, CPU), layer_memories(dense, Execution("cpu", 2))
    assert half.kept * 2 == full.kept
    model = LSTM(TASK, units=[8], dense_units=[])
    loops = [layer_memories(model, execution)[0].kept for execution in (CPU, Execution("cpu", 2))]
    assert loops[0] == loops[1]


def test_unfused_operations_keep_only_what_the_loops_return():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = LSTM(TASK, units=[8, 8], dense_units=[], dropout=0.1)
    fused, unfused = (
        count_activations(model.sequence_model(), model, Execution("cpu", size, size == 2)) for size in (4, 2)
    )
    assert unfused.kept < fused.kept
    assert unfused.infer < fused.infer
    gates_carries_outputs = 4 * (4 + 1 + 1) * 8 * TASK.lookback
    assert unfused.kept > 2 * gates_carries_outputs


def test_a_float32_layer_is_not_halved():
    keras.config.set_dtype_policy("mixed_float16")
    past = keras.Input((100, 12))
    (use,) = layer_memories(
        keras.Model(past, keras.layers.Dense(64, dtype="float32")(past)), Execution("gpu", 2)
    )
    assert use.kept == 4 * 100 * 64


def test_nested_models_are_counted():
    past, inner = keras.Input((100, 12)), keras.Input((100, 12))
    member = keras.Model(inner, keras.layers.Dense(64)(inner))
    alone = count_activations(member, member, CPU)
    whole = keras.Model(past, keras.layers.Concatenate()([member(past), member(past)]))
    both = count_activations(whole, whole, CPU)
    assert sum(use.kind == "Dense" for use in both.uses) == 2
    assert both.kept >= 2 * alone.kept
    assert both.infer > alone.infer


def test_the_input_stays_in_memory_until_the_end_of_a_forecast():
    past = keras.Input((1000, 12))
    short = keras.layers.Flatten()(past)[:, :8]
    model = keras.Model(past, keras.layers.Dense(20_000)(short))  # wider than all before it
    assert count_activations(model, model, CPU).infer >= 4 * (1000 * 12 + 20_000)


def test_a_custom_layer_counts_as_its_dense_layers():
    class Custom(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(256)
            self.outer = keras.layers.Dense(12)

        def call(self, x):
            return self.outer(self.inner(x))

        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, x.dtype)

    past = keras.Input((100, 12))
    (use,) = layer_memories(keras.Model(past, Custom()(past)), CPU)
    assert use.kept >= 4 * 100 * (256 + 12)


def test_a_skip_connection_counts_while_the_layer_between_is_computed():
    past = keras.Input((10, 8))
    first = keras.layers.Dense(8)(past)
    second = keras.layers.Dense(8)(first)
    plain = keras.Model(past, second)
    skip = keras.Model(past, keras.layers.Add()([first, second]))
    task_free = [count_activations(model, model, CPU).infer for model in (plain, skip)]
    assert task_free[1] - task_free[0] >= np.prod([10, 8]) * 4


@pytest.mark.parametrize(
    ("kind", "buffers", "is_half"),
    [("tensorflow", {"LSTM": 15, "GRU": 14.5}, True), ("jax", {"LSTM": 28, "GRU": 7}, False)],
)
def test_recurrent_layers_on_a_gpu_keep_what_was_measured(kind, buffers, is_half):
    steps, width = 10, 8
    for layer in (keras.layers.LSTM(width), keras.layers.GRU(width)):
        execution = Execution("gpu", 2, backend=kind)
        elements = count_elements(layer, [(steps, 3)], [(width,)], execution)
        kept = buffers[type(layer).__name__] * steps * width + 3 * steps
        in_half = is_half or type(layer).__name__ == "GRU"
        assert (elements.kept, elements.kept_wide) == ((kept, 0) if in_half else (0, kept))
