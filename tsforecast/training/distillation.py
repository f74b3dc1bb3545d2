"""Distillation: soft targets for a student, mixed from the truths and a teacher's forecasts of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tsforecast.data.soft_targets import SoftTargets
from tsforecast.errors import UserError
from tsforecast.inference.forecasts import spike_probability
from tsforecast.inference.predict import predict
from tsforecast.models.estimator import Estimator

DAYS = 7

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.data.windows import Windows
    from tsforecast.losses import Loss
    from tsforecast.models.protocol import Model
    from tsforecast.models.task import Task
    from tsforecast.training.options import DistillationOptions


def with_soft_targets(
    dataset: ForecastDataset, task: Task, output: Mapping[str, np.ndarray], alpha: float
) -> ForecastDataset:
    """Return the dataset with soft targets for the training windows; validation and test stay unchanged.

    The soft target of a row is ``(1 - alpha) truth + alpha teacher``, where ``teacher`` is the mean of the teacher's
    forecasts of that row, one from each step of its horizon. A row without a forecast or without an observed truth
    keeps its truth. Probabilities of a spike are averaged in the same way, and the student mixes them with its labels,
    which come from the truths.

    Args:
        dataset: Data that the teacher forecasts as the student will.
        task: Task of the teacher; of quantiles the median is used.
        output: The teacher's outputs for the training windows, see ``soft_outputs``.
        alpha: Weight of the teacher, in [0, 1].

    Source: Hinton, Vinyals & Dean (2015), "Distilling the knowledge in a neural network", section 2, for mixing soft
        and true targets; for the values as in a regression.
    """
    windows = dataset.windows("train")
    levels = task.quantile_levels
    points = output["forecast"] if levels is None else output["forecast"][..., levels.index(0.5)]
    means = _mean_by_row(windows, points)
    mixed = np.where(np.isfinite(means), (1 - alpha) * windows.truths + alpha * means, windows.truths)
    spikes = np.full(mixed.shape, np.nan)
    if "spike" in output:
        spikes = _mean_by_row(windows, spike_probability(output["spike"]))
    soft = SoftTargets(mixed.astype(np.float32), spikes.astype(np.float32), alpha)
    return replace(dataset, soft=soft)


def soft_outputs(
    dataset: ForecastDataset, teacher: Model, options: DistillationOptions, seed: int, loss: Loss
) -> Mapping[str, np.ndarray]:
    """Return what a teacher forecasts for the training windows, or with ``folds`` its copies that have not seen them.

    Args:
        dataset: Data of teacher and student.
        teacher: Forecaster of the same targets.
        options: Of the distillation.
        seed: Random seed of the copies.
        loss: Loss that they minimize.
    """
    if options.folds is None:
        return predict(teacher, dataset.windows("train"))
    return cross_fit(dataset, teacher, options.folds, seed=seed, loss=loss, log=partial(print, flush=True))


def cross_fit(
    dataset: ForecastDataset, teacher: Model, folds: int, *, seed: int, loss: Loss, log: Callable[[str], None]
) -> dict[str, np.ndarray]:
    """Return the outputs for the training windows of teachers that have not seen them.

    Weeks (7 seasons, by the row of a window's last input) are divided among the folds in turn; each fold is forecast by
    a teacher fitted on the others. A teacher knows many of its own training windows by heart, and what it forecasts
    for them is little more than their truth.

    Args:
        dataset: Data of teacher and student.
        teacher: Estimator, of which the folds are untrained copies.
        folds: Number of folds, at least 2.
        seed: Random seed.
        loss: Loss to minimize.
        log: Called with one line of progress at a time.

    Raises:
        UserError: The teacher is not an estimator, or a fold has no windows.

    Source: Dao et al. (2021), "Knowledge distillation as semiparametric inference", section 4.
    """
    if not isinstance(teacher, Estimator):
        raise UserError(
            "distill.folds fits the teacher again, which takes a model without training steps: lightgbm."
        )
    windows, val = dataset.windows("train"), dataset.windows("val")
    fold_of = windows.ends // (DAYS * dataset.series.season) % folds
    if len(np.unique(fold_of)) < folds:
        raise UserError(
            f"distill.folds={folds}: the training rows have fewer than {folds} times {DAYS} seasons of"
            f" {dataset.series.season} rows: choose fewer, or null."
        )
    joined: dict[str, np.ndarray] = {}
    for fold in range(folds):
        log(f"Teacher {fold + 1} of {folds}")
        copy = type(teacher)(teacher.task, **teacher.options)
        copy.metadata = teacher.metadata
        here = fold_of == fold
        copy.fit(replace(windows, ends=windows.ends[~here]), val, seed=seed, loss=loss, log=log)
        for name, values in copy.outputs(replace(windows, ends=windows.ends[here])).items():
            joined.setdefault(name, np.empty((len(windows), *values.shape[1:]), values.dtype))[here] = values
    return joined


def _mean_by_row(windows: Windows, values: np.ndarray) -> np.ndarray:
    """Return the mean ``[N, T]`` of what was forecast ``[n, H, T]`` for each row; NaN for rows without a forecast."""
    total, count = np.zeros(windows.truths.shape), np.zeros((len(windows.truths), 1))
    for step, offset in enumerate(windows.target_offsets):
        rows = windows.ends + offset  # each row once, so that a plain assignment adds up
        total[rows] += values[:, step]
        count[rows] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
