"""Whole models with a distribution: they train on last and on every step, in shards, and are the same once reloaded."""

import dataclasses

import keras
import numpy as np
import pytest

from tests.helpers.model_checks import TASKS, batch, described
from tsforecast import likelihoods
from tsforecast.models.dlinear import DLinear
from tsforecast.models.lstm import LSTM
from tsforecast.training.trainer import Trainer

CHANNELS = [{"method": "linear", "mean": 0.0, "scale": 1.0, "center": 5.0, "width": 2.0}] * 2
LOSSES = {
    "normal": likelihoods.Normal,
    "student_t": likelihoods.StudentT,
    "negative_binomial": likelihoods.NegativeBinomial,
    "mixture": likelihoods.Mixture,
    "implicit_quantile": likelihoods.ImplicitQuantile,
}


def task_of(loss):
    return dataclasses.replace(TASKS["quantiles"], distribution={**loss.distribution, "channels": CHANNELS})


def train(model, loss, dense_from=None, steps=8):
    trainer = Trainer(model, loss, dense_from=dense_from, shards=2)
    trainer.compile(optimizer=keras.optimizers.Adam(0.01), jit_compile=False)
    past, truth = batch(model.task, rows=16, dense=dense_from is not None)
    return [float(trainer.train_on_batch(past, truth)) for _ in range(steps)]


@pytest.mark.parametrize("name", LOSSES)
def test_a_model_learns_is_saved_and_orders_its_quantiles(name, tmp_path):
    loss = LOSSES[name]([0.1, 0.5, 0.9])
    model = described(DLinear(task_of(loss), kernel_size=5))
    losses = train(model, loss)
    assert losses[-1] < losses[0]
    past = batch(model.task)[0]
    outputs = model(past)
    assert (np.diff(outputs["forecast"], axis=-1) >= 0).all()
    assert outputs["mean"].shape == outputs["forecast"].shape[:-1]
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    assert again.task.distribution == model.task.distribution
    for key, values in again(past).items():
        np.testing.assert_array_equal(values, outputs[key])


@pytest.mark.parametrize("name", ["mixture", "implicit_quantile"])
def test_every_step_of_a_causal_model_is_trained(name):
    loss = LOSSES[name]([0.5])
    model = described(
        LSTM(dataclasses.replace(task_of(loss), quantile_levels=(0.5,)), units=[8], dense_units=[])
    )
    losses = train(model, loss, dense_from=10)
    assert losses[-1] < losses[0]
    past = batch(model.task)[0]
    np.testing.assert_allclose(
        model.sequence_model()(past)[:, -1], model(past)["parameters"], rtol=1e-4, atol=1e-5
    )


def test_levels_are_drawn_in_training_only():
    loss = LOSSES["implicit_quantile"]([0.5])
    model = described(DLinear(dataclasses.replace(task_of(loss), quantile_levels=(0.5,)), kernel_size=5))
    past = batch(model.task)[0]
    first, second = (np.asarray(model(past, training=True)["parameters"]) for _ in range(2))
    assert (first != second).any()
    np.testing.assert_array_equal(model(past)["parameters"], model(past)["parameters"])
