"""Windows that overlap: forecast from the rows that they share as one by one."""

import dataclasses

import keras
import numpy as np
import pytest

from tests.helpers.model_checks import STATISTICS
from tsforecast.data.windows import Windows
from tsforecast.ensemble.model import Ensemble
from tsforecast.inference import predict as prediction
from tsforecast.inference.compiled import name_outputs
from tsforecast.inference.shared_rows import can_share, shared_forward
from tsforecast.layers.overlap import Overlap, find_overlap
from tsforecast.models.cnn_lstm import CNNLSTM
from tsforecast.models.forecaster import Forecaster
from tsforecast.models.gru import GRU
from tsforecast.models.lstm import LSTM
from tsforecast.models.spike_detector import SpikeDetector
from tsforecast.models.task import Task

TASK = Task(lookback=20, channels=3, lead=2, horizon=2, target_indices=(0,))
ENCODING = {"edges": [[-1.0, 0.0, 1.0, 2.0], [0.0], [-2.0, 0.5, 1.0]], "units": 5}
SMALL = {"dense_units": [4], "encoding": ENCODING}
MODELS = {
    "lstm": lambda: LSTM(TASK, units=[6, 5], **SMALL),
    "gru": lambda: GRU(TASK, units=[6, 6], spike_head=True, **SMALL),
    "statistics": lambda: LSTM(TASK, units=[6], statistics=STATISTICS, **SMALL),
    "cnn_lstm": lambda: CNNLSTM(TASK, filters=4, units=[6], **SMALL),
    "spike_detector": lambda: SpikeDetector(TASK, filters=4, heads=2, units=6, causal=True, **SMALL),
    "both_ways": lambda: SpikeDetector(TASK, filters=4, heads=2, units=6, **SMALL),
}


def rows(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)


def expected(model, past):
    outputs = name_outputs(model(past, training=False))
    return {name: np.asarray(values) for name, values in outputs.items()}


def assert_close(outputs, others):
    assert outputs.keys() == others.keys()
    for name, values in outputs.items():
        np.testing.assert_allclose(values, others[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("model", MODELS)
def test_the_forecasts_are_those_of_the_windows(model, stride):
    network, overlap = MODELS[model](), Overlap(windows=33, lookback=20, stride=stride)
    assert can_share(network, overlap)
    values = rows(overlap.rows)
    assert_close(shared_forward(network, values, overlap), expected(network, values[overlap.row_index()]))


def test_members_of_an_ensemble_share_rows_too():
    task = dataclasses.replace(TASK, channels=4)
    members = [MODELS["lstm"](), GRU(TASK, units=[6], dense_units=[4])]
    ensemble = Ensemble(task, members, ["lstm", "gru"], weighting="gating")
    overlap = Overlap(windows=24, lookback=20, stride=1)
    values = np.random.default_rng(0).normal(size=(overlap.rows, 4)).astype(np.float32)
    assert_close(shared_forward(ensemble, values, overlap), expected(ensemble, values[overlap.row_index()]))


def test_every_window_of_a_split_is_forecast_once(monkeypatch):
    """The last batch is filled up with windows before it; a batch with a gap is forecast window by window."""
    network, values = MODELS["lstm"](), rows(160)
    ends = np.concatenate([np.arange(19, 70), np.arange(80, 150)])
    windows = Windows(values, values[:, :1], ends, 20, 2, 2, (0, 160))
    shared = []
    monkeypatch.setattr(
        prediction, "shared_forward", lambda *args: shared.append(args[2]) or shared_forward(*args)
    )
    forecasts = prediction.forward(network, windows, batch_size=32)
    assert_close(forecasts, expected(network, windows.inputs(ends)))
    assert shared == [Overlap(32, 20, 1)] * 3


@pytest.mark.parametrize(
    ("overlap", "reason"),
    [
        (None, "unequal distances"),
        (Overlap(windows=64, lookback=20, stride=20), "no shared rows"),
        (Overlap(windows=4, lookback=20, stride=1), "few windows"),
    ],
)
def test_other_windows_are_forecast_one_by_one(overlap, reason):
    assert not can_share(MODELS["lstm"](), overlap)


def test_layers_that_xla_cannot_compile_are_called_on_windows():
    network = MODELS["lstm"]()
    network.get_layer("lstm_1").supports_jit = False
    assert not can_share(network, Overlap(windows=64, lookback=20, stride=1))


def test_the_compiled_functions_are_not_saved_with_the_model(tmp_path):
    network, overlap = MODELS["gru"](), Overlap(windows=24, lookback=20, stride=1)
    before = shared_forward(network, rows(overlap.rows), overlap)
    network.save(tmp_path / "model.keras")
    assert_close(
        shared_forward(keras.saving.load_model(tmp_path / "model.keras"), rows(overlap.rows), overlap), before
    )


@pytest.mark.parametrize(("windows", "lookback", "stride"), [(1, 5, 1), (7, 4, 2), (16, 10, 1)])
def test_parts_cover_the_windows_in_order(windows, lookback, stride):
    overlap, index = Overlap(windows, lookback, stride), []
    assert find_overlap(overlap.row_index()[:, -1], lookback) == (
        overlap if windows > 1 else Overlap(1, lookback, 1)
    )
    for first, part in overlap.split(3 if windows > 2 else 1):
        index.append(first + part.row_index())
    np.testing.assert_array_equal(np.concatenate(index), overlap.row_index())
    assert overlap.row_index().max() == overlap.rows - 1


def test_one_channel_taken_from_the_windows_is_read_along_time():
    """A layer on ``past[..., 0]`` maps the steps of a window, not its channels."""
    past = TASK.input_tensor()
    forecast = keras.layers.Reshape((2, 1))(keras.layers.Dense(2)(past[..., 0]))
    network, overlap = Forecaster(task=TASK, past=past, forecast=forecast), Overlap(24, 20, 1)
    values = rows(overlap.rows)
    assert_close(shared_forward(network, values, overlap), expected(network, values[overlap.row_index()]))
