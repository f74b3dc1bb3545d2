import numpy as np
import pytest

from tests.helpers.model_checks import TASKS, batch
from tsforecast.models.task import Task
from tsforecast.models.tft import TFT

SMALL = {"units": 8, "heads": 2, "dropout": 0.0}


def test_no_step_reads_what_is_planned_for_a_later_one():
    task = Task(12, 4, 1, 3, target_indices=(0,), future_channels=(1, 2, 3))
    model, past = TFT(task, **SMALL), batch(task)[0]
    before = np.asarray(model(past))
    for step in range(3):
        changed = past.copy()
        changed[:, -1, 1 + step] += 1.0
        moved = np.abs(np.asarray(model(changed)) - before).max(axis=(0, 2)) > 1e-6
        assert moved.tolist() == [later >= step for later in range(3)]


def test_a_window_is_restored_to_its_level():
    task = Task(12, 1, 1, 3, target_indices=(0,))
    model, past = TFT(task, **SMALL, instance_norm=True), batch(task)[0]
    forecast = np.asarray(model(past))
    np.testing.assert_allclose(np.asarray(model(3 * past + 7)), 3 * forecast + 7, rtol=1e-3, atol=1e-3)


def test_heads_divide_the_width():
    with pytest.raises(ValueError, match="units=9"):
        TFT(TASKS["one step"], units=9, heads=2)


def test_a_traced_graph_captures_weights_only():
    # A constant made outside the trace would become a second input of an ONNX file.
    import tensorflow as tf

    model = TFT(TASKS["one step"], **SMALL)
    function = tf.function(lambda past: model(past)).get_concrete_function(tf.TensorSpec((1, 24, 3)))
    assert {tensor.dtype for tensor in function.captured_inputs} == {tf.resource}
