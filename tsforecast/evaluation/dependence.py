"""How the errors of a probabilistic model's steps and targets go together on validation windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.files import write_bytes
from tsforecast.inference.dense_quantiles import quantile_chunks
from tsforecast.inference.dependence import FILE, GRID, MAX_WINDOWS, Dependence
from tsforecast.inference.predict import predict

if TYPE_CHECKING:
    from tsforecast.models.protocol import Model


def fit_dependence(model: Model, dataset: ForecastDataset) -> Dependence | None:
    """Return where the truths of validation windows, evenly spaced, are in their forecast distributions.

    Args:
        model: The model.
        dataset: Its data.

    Returns:
        None for a model with fewer than two quantiles, or without a window whose truths are all observed.
    """
    levels = model.task.quantile_levels
    windows = dataset.windows("val", limit=MAX_WINDOWS)
    if levels is None or len(levels) < 2 or not len(windows):
        return None
    outputs = predict(model, windows)
    scaler = dataset.scaler_of(windows.ends)
    truth = scaler.inverse_targets(windows.targets(windows.ends))
    if "parameters" in outputs:
        chunks = quantile_chunks(model.task, outputs["parameters"], GRID, scaler)
        quantiles, levels = np.concatenate([values for _, values in chunks]), tuple(GRID)
    else:
        quantiles = scaler.inverse_targets(outputs["forecast"], axis=-2)
    dependence = Dependence.fit(truth, quantiles, levels)
    return dependence if len(dependence.levels) else None


def save_dependence(folder: Path, model: Model, dataset: ForecastDataset) -> None:
    """Write the file that sample paths need into the folder of a run, if its model is probabilistic."""
    dependence = fit_dependence(model, dataset)
    if dependence is not None:
        write_bytes(folder / FILE, dependence.to_bytes())


def dependence_file(model: Model, dataset: ForecastDataset) -> dict[str, bytes]:
    """Return the name and content of that file, for a version of the registry; nothing for other models."""
    dependence = fit_dependence(model, dataset)
    return {} if dependence is None else {FILE: dependence.to_bytes()}
