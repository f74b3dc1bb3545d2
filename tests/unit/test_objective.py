"""The loss of a student's spikes, compared with its formula."""

import numpy as np
import pytest

from tsforecast.losses import SquaredError
from tsforecast.models.dlinear import DLinear
from tsforecast.models.task import Task
from tsforecast.objective import Objective, SoftSpikes
from tsforecast.training.trainer import Trainer


def make_model():
    model = DLinear(Task(lookback=4, channels=1, lead=1, horizon=3, target_indices=(0,)), spike_head=True)
    model.metadata = {"spike": {"threshold": [0.5], "threshold_scaled": [0.5]}}
    return model


def test_a_student_mixes_the_label_of_the_truth_with_the_teachers_probability():
    past = np.zeros((1, 4, 1), "float32")
    mixed, truth = np.array([0.1, 0.2, 0.3], "float32"), np.array([1.0, 0.0, 1.0], "float32")
    probability = np.array([0.4, 0.4, np.nan], "float32")
    logits = np.array([0.3, -0.2, 0.1], "float32")
    shape = (1, 3, 1)
    output = {"forecast": np.zeros(shape, "float32"), "spike": logits.reshape(shape)}
    objective = Objective(make_model(), SquaredError())
    soft = SoftSpikes(truth.reshape(shape), probability.reshape(shape), 0.25)
    losses = np.asarray(objective(mixed.reshape(shape), output, objective.origin(past), soft)).ravel()
    learned = np.array([0.75 + 0.25 * 0.4, 0.25 * 0.4, 1.0])
    entropy = np.log1p(np.exp(logits)) - learned * logits
    np.testing.assert_allclose(losses, mixed**2 + objective.spike_weight * entropy, rtol=1e-5)


def test_a_trainer_takes_the_targets_of_a_student_apart():
    trainer = Trainer(make_model(), SquaredError(), soft_share=0.25)
    past = np.zeros((2, 4, 1), "float32")
    output = {name: np.zeros((2, 3, 1), "float32") for name in ("forecast", "spike")}
    truth = np.array([0.0, 1.0, np.nan], "float32")
    values, probability = np.where(np.isnan(truth), np.nan, 0.5), np.array([0.2, np.nan, 0.9])
    targets = np.stack([np.stack([values, truth, probability], axis=1)] * 2).astype("float32")
    # At a logit of 0 the cross-entropy is log 2, whatever the label; the last truth is not observed.
    expected = 0.25 + trainer.objective.spike_weight * np.log(2)
    assert float(trainer.compute_loss(past, targets, output)) == pytest.approx(expected, rel=1e-5)
    assert float(trainer.observed_share(targets)) == pytest.approx(2 / 3)
