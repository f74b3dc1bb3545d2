"""The state of a run through its file: weights, optimizer, dropout seeds, loss mean, progress."""

import keras
import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.losses import SquaredError
from tsforecast.models.task import Task
from tsforecast.training.checkpoint import load_state, save_state
from tsforecast.training.trainer import Trainer


def batch(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(4, 6, 2)).astype("float32"), rng.normal(size=(4, 1, 1)).astype("float32")


def trainer(units=3, policy="float32", seed=0):
    """With all that has a state: weights, dropout, moments, a schedule, half an update, a loss scale."""
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(policy)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((6, 2)),
            layers.Flatten(),
            layers.Dense(units, activation="tanh"),
            layers.Dropout(0.5),
            layers.Dense(1, dtype="float32"),
            layers.Reshape((1, 1), dtype="float32"),
        ]
    )
    network.task = Task(lookback=6, channels=2, lead=1, horizon=1, target_indices=(0,))
    made = Trainer(network, SquaredError())
    optimizer = keras.optimizers.AdamW(
        keras.optimizers.schedules.CosineDecay(0.05, 20), gradient_accumulation_steps=2
    )
    made.compile(optimizer=optimizer, jit_compile=False)
    made.build((4, 6, 2))
    made.optimizer.build(made.trainable_variables)
    return made


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_training_goes_on_as_if_it_had_not_stopped(policy, tmp_path):
    whole = trainer(policy=policy)
    for seed in range(3):
        whole.train_on_batch(*batch(seed))
    save_state(tmp_path / "last.npz", whole, {"batch": 3})
    resumed = trainer(policy=policy, seed=99)
    assert load_state(tmp_path / "last.npz", resumed) == {"batch": 3}
    for seed in range(3, 7):
        logs = [made.train_on_batch(*batch(seed), return_dict=True) for made in (whole, resumed)]
        assert logs[0] == logs[1]
    for one, other in zip(whole.forecaster.variables, resumed.forecaster.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(one.value), np.asarray(other.value), err_msg=one.path)
    for one, other in zip(whole.optimizer.variables, resumed.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(one.value), np.asarray(other.value), err_msg=one.path)


def test_it_is_one_whole_file(tmp_path):
    save_state(tmp_path / "last.npz", trainer(), {"batch": 0})
    save_state(tmp_path / "last.npz", trainer(), {"batch": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["last.npz"]


def test_another_model_is_refused(tmp_path):
    save_state(tmp_path / "last.npz", trainer(units=3), {"batch": 0})
    before = trainer(units=5)
    with pytest.raises(UserError, match="holds another model"):
        load_state(tmp_path / "last.npz", before)


def test_no_file_is_told(tmp_path):
    with pytest.raises(UserError, match=r"has no last\.npz"):
        load_state(tmp_path / "last.npz", trainer())
