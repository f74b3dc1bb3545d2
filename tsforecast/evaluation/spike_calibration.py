"""Calibration of a model's spike probabilities on validation windows, after training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import keras
import numpy as np

from tsforecast.data.spikes import find_spikes
from tsforecast.inference.predict import predict
from tsforecast.layers.calibration import LogitCalibration
from tsforecast.logistic import fit_logistic
from tsforecast.models.io import load_model, save_model

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.models.protocol import Model

WINDOWS = 16_384  # evenly spaced; hundreds of spikes, of which two numbers are fitted
MIN_SPIKES = 20  # with fewer, the probabilities of the training stay


def calibrate_spikes(model: Model, dataset: ForecastDataset) -> bool:
    """Fit the calibration of a model's spike head on validation windows; return whether it has one that was fitted.

    The map is monotonic, so that it changes probabilities, and no ranking. Targets with fewer than ``MIN_SPIKES``
    observed spikes or steps without one keep the probabilities of the training.

    Args:
        model: A trained model, whose layer ``LogitCalibration`` is set; other models stay as they are.
        dataset: The data.
    """
    layer = calibration_layer(model)
    if layer is None:
        return False
    layer.reset()
    windows = dataset.windows("val", limit=WINDOWS)
    truth = windows.targets(windows.ends)
    logits = predict(model, windows)["spike"]
    origin = windows.rows[windows.ends][:, None, list(dataset.target_indices)]
    spike = find_spikes(model.metadata, model.metadata["spike"]["threshold_scaled"], truth, origin)
    observed = np.isfinite(truth)
    pairs = [
        fit_platt(logits[..., i][observed[..., i]], spike[..., i][observed[..., i]])
        for i in range(truth.shape[-1])
    ]
    layer.set_weights([np.array(values, np.float32) for values in zip(*pairs, strict=True)])
    return True


def calibrate_saved(path: Path, trained: Model, dataset: ForecastDataset, *, reuse: bool = True) -> None:
    """Calibrate the best model of a training in its file, see ``calibrate_spikes``.

    Args:
        path: Its ``.keras`` file; without one, nothing is done.
        trained: The model that was trained; without a layer to calibrate, nothing is done.
        dataset: The data.
        reuse: Whether the trained model gets the best weights, so that nothing is compiled again; it must then have a
            single device.
    """
    if path.is_file() and calibration_layer(trained) is not None:
        model = load_model(path, trained if reuse else None)
        calibrate_spikes(model, dataset)
        save_model(cast("keras.Model", model), path)


def calibration_layer(model: Model) -> LogitCalibration | None:
    """Return the layer that calibrates the model's spike head, or None."""
    layers = model.layers if isinstance(model, keras.Model) else []
    return next((layer for layer in layers if isinstance(layer, LogitCalibration)), None)


def fit_platt(logits: np.ndarray, spike: np.ndarray) -> tuple[float, float]:
    """Return slope and shift of the logits ``[n]`` that maximize the likelihood of the outcomes ``[n]``.

    The outcomes are moved from 0 and 1 as Platt does against overfitting.

    Returns:
        ``(1, 0)`` if there are too few outcomes of one kind, or if the best slope would turn the ranking around.

    Source: Platt (1999), section 2.2; Lin, Lin & Weng (2007), A note on Platt's probabilistic outputs.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> logits = rng.normal(size=50_000)
        >>> spike = rng.random(50_000) < 1 / (1 + np.exp(-(2 * logits - 1)))
        >>> slope, shift = fit_platt(logits, spike)
        >>> bool(abs(slope - 2) < 0.1), bool(abs(shift + 1) < 0.1)
        (True, True)
    """
    count, positives = len(spike), int(spike.sum())
    if min(positives, count - positives) < MIN_SPIKES:
        return 1.0, 0.0
    targets = np.where(spike, (positives + 1) / (positives + 2), 1 / (count - positives + 2))
    slope, shift = fit_logistic(logits[:, None], targets, start=np.array([1.0, 0.0]))
    return (float(slope), float(shift)) if slope > 0 else (1.0, 0.0)
