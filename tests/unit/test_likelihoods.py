"""Losses of distributions: what they read of a model's output, and what an ensemble without parameters gets."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from tsforecast.likelihoods import Mixture, Normal
from tsforecast.losses import Quantile
from tsforecast.models.task import Task

TASK = Task(4, 1, 1, 1, (0,), quantile_levels=(0.1, 0.5, 0.9), distribution={"name": "normal"})


def test_the_loss_of_a_task_reads_the_parameters():
    loss = Normal([0.1, 0.5, 0.9]).for_task(TASK)
    parameters = np.array([[[[1.0, 2.0]]]], "float32")
    assert loss.select({"forecast": None, "parameters": parameters}) is parameters
    found = loss(np.zeros((1, 1, 1), "float32"), parameters)
    assert np.asarray(found).item() == pytest.approx(-stats.norm(1, 2).logpdf(0), rel=1e-5)


def test_a_model_without_parameters_is_scored_by_its_quantiles():
    loss = Normal([0.1, 0.5, 0.9]).for_task(dataclasses.replace(TASK, distribution=None))
    assert isinstance(loss, Quantile)
    assert loss.quantile_levels == [0.1, 0.5, 0.9]


def test_options_are_part_of_the_description():
    assert Mixture([0.5], components=5).distribution == {"name": "mixture", "components": 5}
    with pytest.raises(NotImplementedError, match="for_task"):
        Normal([0.5])(0.0, 0.0)
