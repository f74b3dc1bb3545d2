"""The trainer: its loss against plain NumPy, and one update against the sum of its parts."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tsforecast.losses import AbsoluteError, Quantile, SquaredError
from tsforecast.models.lstm import LSTM
from tsforecast.models.nlinear import NLinear
from tsforecast.models.task import Task
from tsforecast.training.trainer import Trainer

LEVELS = (0.1, 0.5, 0.9)
TASK = Task(lookback=12, channels=3, lead=2, horizon=2, target_indices=(0, 2))


def data(rows=8, steps=None, seed=0, missing=0.3):
    rng = np.random.default_rng(seed)
    shape = (rows, 2, 2) if steps is None else (rows, steps, 2, 2)
    truth = rng.normal(size=shape).astype("float32")
    truth[rng.random(shape) < missing] = np.nan
    return rng.normal(size=(rows, 12, 3)).astype("float32"), truth


def trainer(optimizer=None, *, dense_from=None, loss=None, shards=1, model=None, seed=3):
    keras.utils.set_random_seed(seed)
    if model is None:  # the linear model compiles in a fraction of the time
        model = NLinear(TASK) if dense_from is None else LSTM(TASK, units=(4,), dense_units=(5,))
    made = Trainer(model, loss or SquaredError(), dense_from=dense_from, shards=shards)
    made.compile(optimizer=optimizer or keras.optimizers.SGD(0.1), jit_compile=False)
    made.build((8, 12, 3))
    return made


def masked_mean(element, truth):
    """The oracle: a plain loop over the observed truths."""
    observed = [place for place in np.ndindex(truth.shape) if not np.isnan(truth[place])]
    return sum(float(element(truth[place], place)) for place in observed) / len(observed)


def weights(made):
    return np.concatenate([w.ravel() for w in made.forecaster.get_weights()])


@pytest.mark.parametrize("dense_from", [None, 4])
@pytest.mark.parametrize("loss", [SquaredError(), AbsoluteError()], ids=["squared", "absolute"])
def test_the_loss_is_the_mean_over_the_observed_truths(loss, dense_from):
    made = trainer(loss=loss, dense_from=dense_from)
    past, truth = data(steps=None if dense_from is None else 12 - dense_from)
    forecast = np.asarray(made(past, training=True))
    assert forecast.shape == truth.shape
    element = np.square if isinstance(loss, SquaredError) else np.abs
    expected = masked_mean(lambda y, place: element(y - forecast[place]), truth)
    assert float(made.compute_loss(past, truth, forecast)) == pytest.approx(expected, rel=1e-5)


def test_the_pinball_loss_too():
    task = Task(lookback=12, channels=3, lead=2, horizon=2, target_indices=(0, 2), quantile_levels=LEVELS)
    made = trainer(loss=Quantile(list(LEVELS)), model=NLinear(task))
    past, truth = data()
    forecast = np.asarray(made(past))

    def pinball(y, place):
        return np.mean(
            [max(q * (y - f), (q - 1) * (y - f)) for q, f in zip(LEVELS, forecast[place], strict=True)]
        )

    found = float(made.compute_loss(past, truth, forecast))
    assert found == pytest.approx(masked_mean(pinball, truth), rel=1e-5)


def gradients(made, past, truth):
    @tf.function(autograph=False)
    def run(past, truth):
        with tf.GradientTape() as tape:
            loss = made.compute_loss(past, truth, made(past, training=True))
        return tape.gradient(loss, [variable.value for variable in made.trainable_variables])

    return run(past, truth)


@pytest.mark.parametrize("dense_from", [None, 4])
def test_an_unobserved_truth_leaves_the_gradient_finite(dense_from):
    """NaN times zero is NaN: masking after the loss would spoil every weight."""
    made = trainer(dense_from=dense_from)
    past, truth = data(steps=None if dense_from is None else 12 - dense_from)
    truth[0] = np.nan
    found = gradients(made, past, truth)
    assert all(np.isfinite(np.asarray(g)).all() for g in found)
    assert max(np.abs(np.asarray(g)).max() for g in found) > 0


def test_a_batch_without_any_truth_changes_nothing():
    made = trainer()
    past, truth = data()
    before = weights(made)
    logs = made.train_on_batch(past, np.full_like(truth, np.nan), return_dict=True)
    assert logs["loss"] == 0
    np.testing.assert_array_equal(weights(made), before)


@pytest.mark.parametrize(("name", "dense_from"), [("sgd", None), ("adamw", None), ("adamw", 4)])
def test_accumulation_of_small_batches_equals_one_large_batch(name, dense_from):
    """Clipping and weight decay come once an update, after the mean: else these weights would differ."""
    options = {"clipnorm": 0.05, "weight_decay": 0.1}
    # Adam divides by the gradient's size: with its usual epsilon the rounding of a tiny gradient would be all of it.
    options |= {"adamw": {"epsilon": 1e-3}}.get(name, {})

    def optimizer(steps):
        make = {"sgd": keras.optimizers.SGD, "adamw": keras.optimizers.AdamW}[name]
        return make(0.05, gradient_accumulation_steps=steps, **options)

    parts, whole = (
        trainer(optimizer(4), dense_from=dense_from),
        trainer(optimizer(None), dense_from=dense_from),
    )
    start = weights(parts)
    np.testing.assert_array_equal(weights(whole), start)
    steps = None if dense_from is None else 12 - dense_from
    for update in range(2):
        past, truth = data(rows=8, steps=steps, seed=update)
        for first in range(0, 8, 2):
            if update == 0 and first == 6:
                np.testing.assert_array_equal(weights(parts), start)  # no update before the last part
            parts.train_on_batch(past[first : first + 2], truth[first : first + 2])
        whole.train_on_batch(past, truth)
    np.testing.assert_allclose(weights(parts), weights(whole), atol=1e-6, rtol=0)
    assert np.abs(weights(whole) - start).max() > 1e-3


@pytest.mark.parametrize("shards", [0, 1, 2])
def test_the_loss_of_a_batch_is_that_of_its_observed_part(shards):
    """The same forecasts, once with half of the windows unobserved and once with the other half alone."""
    past, truth = data(missing=0)
    hidden = truth.copy()
    hidden[::2] = np.nan
    found = []
    for inputs, truths in ((past, hidden), (past[1::2], truth[1::2])):
        made = trainer(shards=shards)
        logs = made.train_on_batch(inputs, truths, return_dict=True)
        found.append((weights(made), logs["loss"]))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-6)
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-5)


def test_the_logged_loss_is_the_mean_over_all_observed_truths_of_the_epoch():
    """Validation averages over observed truths too, so the two can be compared; no update here, to compare exactly."""
    made, (past, truth) = trainer(keras.optimizers.SGD(0.0), shards=2), data(rows=16)
    truth[:8, 1] = np.nan  # fewer in the first batch than in the second
    truth[:7] = np.nan
    for first in (0, 8):
        logs = made.train_on_batch(past[first : first + 8], truth[first : first + 8], return_dict=True)
        if first == 0:
            before = [np.asarray(v) for v in made.metrics_variables]
    total, count = np.add(before, [np.asarray(v) for v in made.metrics_variables])
    forecast = np.asarray(made(past))
    expected = masked_mean(lambda y, place: np.square(y - forecast[place]), truth)
    assert total / count == pytest.approx(expected, rel=1e-5)
    assert logs["loss"] > 0


def test_clipping_and_decay_are_what_they_say():
    rate, decay, norm = 0.1, 0.2, 0.05
    made = trainer(keras.optimizers.SGD(rate, clipnorm=norm, weight_decay=decay))
    past, truth = data()
    before = [np.asarray(v.value) for v in made.trainable_variables]
    found = [np.asarray(g) for g in gradients(made, past, truth)]
    made.train_on_batch(past, truth)
    for variable, old, gradient in zip(made.trainable_variables, before, found, strict=True):
        clipped = gradient * min(1.0, norm / max(np.linalg.norm(gradient), 1e-12))
        expected = old - rate * decay * old - rate * clipped
        np.testing.assert_allclose(np.asarray(variable.value), expected, atol=1e-6, err_msg=variable.path)


@pytest.mark.parametrize("dense_from", [None, 4])
def test_shards_give_the_same_update(dense_from):
    past, truth = data(rows=9, steps=None if dense_from is None else 12 - dense_from)
    found = []
    for shards in (1, 2):
        made = trainer(shards=shards, dense_from=dense_from)
        made.train_on_batch(past, truth)
        found.append(weights(made))
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)


def test_dense_supervision_is_for_models_that_forecast_at_every_step():
    with pytest.raises(ValueError, match="supervision=last"):
        trainer(model=NLinear(TASK), dense_from=4)
