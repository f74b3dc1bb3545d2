"""Distillation: soft targets for a student, mixed from the truths and a teacher's forecasts of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tsforecast.inference.predict import forecast

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.models.protocol import Model


def with_soft_targets(dataset: ForecastDataset, teacher: Model, alpha: float) -> ForecastDataset:
    """Return the dataset with soft targets in the training rows; validation and test rows stay unchanged.

    The soft target of a row is ``(1 - alpha) truth + alpha teacher``, where ``teacher`` is the mean of the teacher's
    forecasts of that row, one from each step of its horizon. A row without a forecast or without an observed truth
    keeps its truth.

    Args:
        dataset: Data that the teacher forecasts as the student will.
        teacher: Forecaster of the same targets; of quantiles the median is used.
        alpha: Weight of the teacher, in [0, 1].

    Source: Hinton, Vinyals & Dean (2015), "Distilling the knowledge in a neural network", section 2, for mixing soft
        and true targets; here for a regression.
    """
    totals, counts = _sum_forecasts(dataset, teacher)
    has_forecast = counts > 0
    truths = dataset.truths.copy()
    mixed = (1 - alpha) * truths[has_forecast] + alpha * totals[has_forecast] / counts[has_forecast, None]
    truths[has_forecast] = np.where(np.isfinite(truths[has_forecast]), mixed, np.nan)
    return dataclasses.replace(dataset, truths=truths.astype(dataset.truths.dtype))


def _sum_forecasts(dataset: ForecastDataset, teacher: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum ``[N, T]`` and the number ``[N]`` of the teacher's forecasts of each row."""
    windows, levels = dataset.windows("train"), teacher.task.quantile_levels
    values = forecast(teacher, windows)
    points = values if levels is None else values[..., levels.index(0.5)]
    total, count = np.zeros(dataset.truths.shape), np.zeros(len(dataset.truths))
    for step, offset in enumerate(windows.target_offsets):
        rows = windows.ends + offset  # each row once, so that a plain assignment adds up
        total[rows] += points[:, step]
        count[rows] += 1
    return total, count
