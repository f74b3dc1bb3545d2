"""Training of an ensemble's spike head."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from tsforecast.data.spikes import find_spikes
from tsforecast.ensemble.head_training import Arrays, train_head
from tsforecast.ensemble.window_outputs import WindowOutputs
from tsforecast.logistic import fit_logistic
from tsforecast.typing import Tensor

if TYPE_CHECKING:
    from tsforecast.ensemble.layers import SpikeOdds
    from tsforecast.ensemble.model import Ensemble

MAX_OUTCOMES = 1_000_000  # steps and targets of evenly spaced windows, for the regression
RIDGE = 1e-4


def fit_spike_head(
    model: Ensemble,
    fitting: WindowOutputs,
    holdout: WindowOutputs,
    *,
    seed: int,
    log: Callable[[str], None],
) -> None:
    """Train the spike head of an ensemble on its members' forecasts: the regression first, then the network.

    The network is kept only if it lowers the held-out loss.

    Args:
        model: Ensemble with thresholds and a stacked spike head; its members stay as they are.
        fitting: Windows to train on, of rows that no member was trained on.
        holdout: Later windows, for early stopping.
        seed: Random seed for the batch order.
        log: Called with one line about the training.
    """
    head = model.get_layer("spike_odds")
    head.fit_scale(fitting.outputs["content"])
    fit_data, holdout_data = (_training_data(model, part) for part in (fitting, holdout))
    _fit_stack(head, *fit_data)
    network = _training_network(head, fit_data[0])
    train_head(
        network, fit_data, holdout_data, loss=binary_crossentropy, seed=seed, log=log, name="spike head"
    )


def _fit_stack(head: SpikeOdds, arrays: list[np.ndarray], spike: np.ndarray) -> None:
    """Fit the regression of a head to arrays of ``_training_data``, at most ``MAX_OUTCOMES`` of them."""
    every = -(-spike.size // MAX_OUTCOMES)
    points, _, origin, *logits = [values[::every] for values in arrays]
    signs = ops.convert_to_numpy(head.signs(points, origin, *logits))
    inputs, outcomes = signs.reshape(-1, signs.shape[-1]), spike[::every].ravel()
    head.set_stack(fit_logistic(inputs, outcomes, np.zeros(inputs.shape[1] + 1), RIDGE))


def binary_crossentropy(truth: Tensor, logits: Tensor) -> Tensor:
    """Return the mean cross-entropy of logits against truths of 0 and 1."""
    return ops.mean(ops.softplus(logits) - truth * logits)


def _training_network(head: keras.layers.Layer, arrays: list[np.ndarray]) -> keras.Model:
    """Return a model from the head's inputs, in the order of ``_training_data``, to its logits."""
    inputs = [keras.Input(values.shape[1:]) for values in arrays]
    points, content, origin, *logits = inputs
    return keras.Model(inputs, head(points, origin, content, *logits))


def _training_data(model: Ensemble, part: WindowOutputs) -> Arrays:
    """Return inputs of the head, and 1 where a truth is a spike, of all windows that are observed completely."""
    truth, outputs, windows = part.truth, part.outputs, part.windows
    observed = np.isfinite(truth).all(axis=(1, 2))
    origin = windows.rows[windows.ends][:, list(model.task.target_indices)]
    inputs = [part.points, outputs["content"], origin]
    inputs += [outputs["member_spikes"]] if "member_spikes" in outputs else []
    spike = find_spikes(model.metadata, model.options["thresholds"], truth, origin[:, None])
    return [values[observed] for values in inputs], spike[observed].astype(np.float32)
