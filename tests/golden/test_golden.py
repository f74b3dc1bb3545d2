"""Outputs and a loss curve that must not change unnoticed.

The outputs of models whose weights are all 0.01 are compared with plain NumPy loops over the textbook
equations. The loss curve is a record of this code (``golden.json``, see ``regenerate.py``): it shows that loss,
supervision, kernels and optimizer have not changed, not that they are right.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.golden_models import CONSTANT, TASK, constant_models, loss_curve, wave


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_layer(inputs, units):
    """All weights alike, so that all gates and all units are."""
    h = c = np.zeros(units)
    outputs = []
    for x in inputs:
        gate = CONSTANT * (x.sum() + h.sum() + 1)
        c = sigmoid(gate) * c + sigmoid(gate) * np.tanh(gate)
        h = sigmoid(gate) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs)


def gru_layer(inputs, units):
    """With two biases, and the reset gate after the product (Keras' ``reset_after``)."""
    h = np.zeros(units)
    outputs = []
    for x in inputs:
        from_input, from_state = CONSTANT * (x.sum() + 1), CONSTANT * (h.sum() + 1)
        gate = sigmoid(from_input + from_state)
        h = gate * h + (1 - gate) * np.tanh(from_input + gate * from_state)
        outputs.append(h)
    return np.array(outputs)


def head(features):
    hidden = np.full(5, max(CONSTANT * (features.sum() + 1), 0))
    return CONSTANT * (hidden.sum() + 1)


def lstm(window):
    return head(lstm_layer(lstm_layer(window, 4), 3)[-1])


def gru(window):
    features = window
    for units in (4, 3):
        shortcut = features
        if features.shape[1] != units:
            shortcut = np.repeat(CONSTANT * features.sum(1, keepdims=True), units, axis=1)
        features = shortcut + gru_layer(features, units)
    return head(features[-1])


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_constant_weights_give_what_the_equations_give(name):
    past = wave(5)
    forecast = np.asarray(constant_models()[name](past))
    oracle = {"lstm": lstm, "gru": gru}[name]
    for window, found in zip(past.astype(float), forecast, strict=True):
        expected = oracle(window) + window[-1, TASK.target_indices[0]]
        np.testing.assert_allclose(found, np.full((2, 1), expected), rtol=1e-5)


def test_the_loss_curve_is_the_recorded_one():
    recorded = json.loads(Path(__file__).with_name("golden.json").read_text())["lstm_loss_curve"]
    assert len(recorded) == 20
    assert recorded[-1] < 0.9 * recorded[0]
    # Other processors round other digits, and 20 steps carry that on.
    np.testing.assert_allclose(loss_curve(), recorded, rtol=1e-3)
