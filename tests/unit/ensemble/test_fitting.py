"""Weights that are fitted to a loss of distributions, which an ensemble has none of."""

import dataclasses
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tests.helpers.model_checks import TASKS
from tsforecast.data.windows import Windows
from tsforecast.ensemble.fitting import fit_ensembles
from tsforecast.ensemble.model import Ensemble
from tsforecast.likelihoods import StudentT
from tsforecast.losses import Quantile
from tsforecast.models.nlinear import NLinear

LEVELS = (0.1, 0.5, 0.9)


@pytest.mark.parametrize("weighting", ["gating", "static"])
def test_a_loss_of_distributions_becomes_that_of_quantiles(weighting):
    task = dataclasses.replace(TASKS["one step"], lookback=24, quantile_levels=LEVELS)
    values = np.cumsum(np.random.default_rng(0).normal(size=(200, task.channels)), axis=0).astype("float32")
    shape = {"lookback": task.lookback, "lead": task.lead, "horizon": task.horizon, "border": (0, 200)}
    windows = Windows(values, values[:, list(task.target_indices)], np.arange(30, 180), **shape)
    later = dataclasses.replace(windows, ends=windows.ends[100:])
    losses = []
    for loss in (StudentT(list(LEVELS)), Quantile(list(LEVELS))):
        keras.utils.set_random_seed(0)
        model = Ensemble(task, [NLinear(task), NLinear(task)], ["a", "b"], weighting=weighting, gate_units=4)
        dataset, parts = (SimpleNamespace(windows=lambda split, w=w: w) for w in (windows, later))
        fitted = fit_ensembles(
            {weighting: model}, weighting, dataset, parts, loss, seed=0, log=lambda line: None
        )
        losses.append(fitted.loss)
    assert losses[0] == losses[1] > 0
