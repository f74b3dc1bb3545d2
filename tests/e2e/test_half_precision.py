"""float16 with loss scaling trains to the quality of float32."""

import keras
import numpy as np
import pytest

from tsforecast.losses import SquaredError
from tsforecast.models.gru import GRU
from tsforecast.models.task import Task
from tsforecast.training.trainer import Trainer

STEPS, BATCH, LOOKBACK = 120, 32, 12


def final_error(policy):
    """The mean squared error on fresh windows of a noisy wave after a short training."""
    keras.utils.set_random_seed(3)
    keras.config.set_dtype_policy(policy)
    task = Task(lookback=LOOKBACK, channels=1, lead=1, horizon=1, target_indices=(0,))
    trainer = Trainer(GRU(task, units=[8], dense_units=[], anchor=False), SquaredError(), shards=1)
    trainer.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=False)
    scaled = isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    draw = np.random.default_rng(1)
    wave = np.sin(np.arange(6000) * 0.3) + 0.1 * draw.normal(size=6000)
    starts = draw.integers(0, 5000, STEPS * BATCH)
    windows = wave[starts[:, None] + np.arange(LOOKBACK + 1)].astype("float32")[..., None]
    trainer.fit(windows[:, :-1], windows[:, -1:], batch_size=BATCH, epochs=1, verbose=0, shuffle=False)
    fresh = wave[np.arange(5000, 5900)[:, None] + np.arange(LOOKBACK + 1)].astype("float32")[..., None]
    forecast = keras.ops.convert_to_numpy(trainer.forecaster(fresh[:, :-1]))
    return float(np.mean((forecast - fresh[:, -1:]) ** 2))


@pytest.mark.slow
def test_float16_trains_to_the_quality_of_float32():
    full, half = final_error("float32"), final_error("mixed_float16")
    assert full < 0.05  # of a variance of 0.51: both have learned the wave
    assert half == pytest.approx(full, rel=0.15)
