"""Distillation: soft targets for a student, mixed from the truths and a teacher's forecasts of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tsforecast.data.soft_targets import SoftTargets
from tsforecast.inference.forecasts import spike_probability
from tsforecast.inference.predict import predict

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.data.windows import Windows
    from tsforecast.models.protocol import Model


def with_soft_targets(dataset: ForecastDataset, teacher: Model, alpha: float) -> ForecastDataset:
    """Return the dataset with soft targets for the training windows; validation and test stay unchanged.

    The soft target of a row is ``(1 - alpha) truth + alpha teacher``, where ``teacher`` is the mean of the teacher's
    forecasts of that row, one from each step of its horizon. A row without a forecast or without an observed truth
    keeps its truth. Probabilities of a spike are averaged in the same way, and the student mixes them with its labels,
    which come from the truths.

    Args:
        dataset: Data that the teacher forecasts as the student will.
        teacher: Forecaster of the same targets; of quantiles the median is used.
        alpha: Weight of the teacher, in [0, 1].

    Source: Hinton, Vinyals & Dean (2015), "Distilling the knowledge in a neural network", section 2, for mixing soft
        and true targets; for the values as in a regression.
    """
    windows = dataset.windows("train")
    output, levels = predict(teacher, windows), teacher.task.quantile_levels
    points = output["forecast"] if levels is None else output["forecast"][..., levels.index(0.5)]
    means = _mean_by_row(windows, points)
    mixed = np.where(np.isfinite(means), (1 - alpha) * windows.truths + alpha * means, windows.truths)
    spikes = np.full(mixed.shape, np.nan)
    if "spike" in output:
        spikes = _mean_by_row(windows, spike_probability(output["spike"]))
    soft = SoftTargets(mixed.astype(np.float32), spikes.astype(np.float32), alpha)
    return dataclasses.replace(dataset, soft=soft)


def _mean_by_row(windows: Windows, values: np.ndarray) -> np.ndarray:
    """Return the mean ``[N, T]`` of what was forecast ``[n, H, T]`` for each row; NaN for rows without a forecast."""
    total, count = np.zeros(windows.truths.shape), np.zeros((len(windows.truths), 1))
    for step, offset in enumerate(windows.target_offsets):
        rows = windows.ends + offset  # each row once, so that a plain assignment adds up
        total[rows] += values[:, step]
        count[rows] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
