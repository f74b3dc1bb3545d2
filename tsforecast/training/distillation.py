"""What a student learns from a teacher: truths of the training rows, mixed with the teacher's forecasts of them."""

import dataclasses
from typing import Any

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.inference.predict import forecast


def with_soft_targets(dataset: ForecastDataset, teacher: Any, share: float) -> ForecastDataset:
    """The same data with softer truths in the training rows; validation and test rows stay as they are.

    A row's truth becomes ``(1 - share) truth + share teacher``, where ``teacher`` is the mean of its forecasts of that
    row: one from each step of its horizon. A row that the teacher did not forecast, or that was not observed, stays.

    Args:
        dataset: the data, on which the teacher forecasts what the student shall.
        teacher: any forecaster of the same targets; of quantiles the median counts.
        share: in [0, 1].

    Source: Hinton, Vinyals & Dean (2015), "Distilling the knowledge in a neural network", section 2, for a mix of soft
        and true targets; here of a regression.
    """
    windows, levels = dataset.windows("train"), teacher.task.quantile_levels
    values = forecast(teacher, windows)
    points = values if levels is None else values[..., levels.index(0.5)]
    total, count = np.zeros(dataset.truths.shape), np.zeros(len(dataset.truths))
    for step, offset in enumerate(windows.target_offsets):
        rows = windows.ends + offset  # each row once, so that a plain assignment adds up
        total[rows] += points[:, step]
        count[rows] += 1
    told = count > 0
    truths = dataset.truths.copy()
    mixed = (1 - share) * truths[told] + share * total[told] / count[told, None]
    truths[told] = np.where(np.isfinite(truths[told]), mixed, np.nan)
    return dataclasses.replace(dataset, truths=truths.astype(dataset.truths.dtype))
