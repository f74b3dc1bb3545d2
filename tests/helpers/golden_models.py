"""The cases of the golden files, shared by the test and by ``regenerate.py``."""

import keras
import numpy as np

from tsforecast.losses import SquaredError
from tsforecast.models.gru import GRU
from tsforecast.models.lstm import LSTM
from tsforecast.models.task import Task
from tsforecast.training.trainer import Trainer

LOOKBACK, CHANNELS, CONSTANT = 12, 3, 0.01
TASK = Task(lookback=LOOKBACK, channels=CHANNELS, lead=2, horizon=2, target_indices=(0,))


def wave(rows=1):
    """A fixed input without a random generator in it: ``sin(1 + 0.3 k)`` over all elements in order."""
    count = rows * LOOKBACK * CHANNELS
    return np.sin(1 + 0.3 * np.arange(count)).reshape(rows, LOOKBACK, CHANNELS).astype("float32")


def constant(model):
    """The model with every weight at ``CONSTANT``."""
    model.set_weights([np.full_like(weight, CONSTANT) for weight in model.get_weights()])
    return model


def constant_models():
    """Model name -> model, small, all weights alike."""
    return {
        "lstm": constant(LSTM(TASK, units=(4, 3), dense_units=(5,))),
        "gru": constant(GRU(TASK, units=(4, 3), dense_units=(5,))),
    }


def loss_curve(steps=20):
    """The losses of so many AdamW steps of a small LSTM under dense supervision, from seed 0."""
    keras.utils.set_random_seed(0)
    trainer = Trainer(LSTM(TASK, units=(8,), dense_units=(8,)), SquaredError(), dense_from=4)
    trainer.compile(optimizer=keras.optimizers.AdamW(0.01, clipnorm=1.0), jit_compile=False)
    past = wave(16)
    truth = np.cos(0.7 * np.arange(16 * 8 * 2)).reshape(16, 8, 2, 1).astype("float32")
    losses = []
    for _ in range(steps):
        trainer.reset_metrics()
        losses.append(float(trainer.train_on_batch(past, truth)))
    return losses
