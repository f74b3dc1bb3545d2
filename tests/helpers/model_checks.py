"""What every network must do, for the tests of single models."""

import keras
import numpy as np

from tsforecast.inference.predict import select_forecast
from tsforecast.losses import Quantile
from tsforecast.models.task import Task
from tsforecast.training.trainer import Trainer

LEVELS = (0.1, 0.5, 0.9)
TASKS = {
    "one step": Task(lookback=24, channels=3, lead=2, horizon=1, target_indices=(0,), season=8),
    "steps and targets": Task(lookback=24, channels=3, lead=2, horizon=3, target_indices=(2, 0), season=8),
    "quantiles": Task(
        lookback=24, channels=3, lead=2, horizon=2, target_indices=(0, 1), season=8, quantile_levels=LEVELS
    ),
}
# Of three channels, one of them constant.
ENCODING = {"edges": [[-1.0, 0.0, 0.5, 2.0], [-1.0, 0.0, 1.0], [0.0]], "units": 4}
STATISTICS = {"channels": [0, 2], "spans": [2, 7], "edges": [[-1.0, 0.0, 1.0], [-2.0, 0.5, 1.0]], "units": 4}
CARD = {"spike": {"threshold": [1.0, 1.0], "threshold_scaled": [0.5, 0.5]}}


def window_features(task):
    """Features of the first two channels of a task."""
    count = 2 + 2 * 2 + 2 * (2 + 3 * len(task.target_indices))
    return {
        "channels": [0, 1],
        "measured": [0, 1],
        "targets": list(task.target_indices),
        "lags": [1, 6],
        "spans": [3, 30],
        "edges": [[-1.0, 0.0, 1.0]] * count,
        "width": 2,
        "units": 6,
    }


def batch(task, rows=5, dense=False, seed=0):
    """Inputs and truths, one of them unobserved."""
    rng = np.random.default_rng(seed)
    steps = (task.lookback - 10,) if dense else ()
    past = rng.normal(size=(rows, task.lookback, task.channels)).astype("float32")
    truth = rng.normal(size=(rows, *steps, task.horizon, len(task.target_indices))).astype("float32")
    truth[0, ..., 0] = np.nan
    return past, truth


def described(model):
    count = len(model.task.target_indices)
    model.describe(spike={name: values[:count] for name, values in CARD["spike"].items()})
    return model


def check_shapes_and_order(make):
    for name, task in TASKS.items():
        values = np.asarray(select_forecast(make(task)(batch(task)[0])))
        tail = () if task.quantile_levels is None else (len(LEVELS),)
        assert values.shape == (5, task.horizon, len(task.target_indices), *tail), name
        if tail:
            assert (np.diff(values, axis=-1) > 0).all()


def check_saving(make, folder, policy):
    keras.config.set_dtype_policy(policy)
    task = TASKS["quantiles"]
    model = described(make(task))
    past = batch(task)[0]
    before = select_forecast(model(past))
    assert before.dtype == "float32"
    model.save(folder / "m.keras")
    keras.config.set_dtype_policy("float32")
    again = keras.saving.load_model(folder / "m.keras", compile=False)
    assert again.dtype_policy.name == policy
    assert again.metadata == model.metadata
    assert again.task == task
    np.testing.assert_array_equal(np.asarray(select_forecast(again(past))), np.asarray(before))


def check_training(make, dense):
    """One compiled update with a rate of 1 moves each variable by its gradient, which must be a number."""
    task = TASKS["quantiles"]
    model, loss = described(make(task)), Quantile(list(LEVELS))
    trainer = Trainer(model, loss, dense_from=10 if dense else None)
    trainer.compile(optimizer=keras.optimizers.SGD(1.0), loss=loss, jit_compile=False)
    past, truth = batch(task, dense=dense)
    before = [variable.numpy() for variable in model.trainable_variables]
    assert np.isfinite(float(trainer.train_on_batch(past, truth)))
    pairs = zip(model.trainable_variables, before, strict=True)
    moved = {variable.path: np.abs(variable.numpy() - old).max() for variable, old in pairs}
    assert np.isfinite(list(moved.values())).all(), moved
    still = [path for path, size in moved.items() if size == 0]
    assert len(still) <= len(moved) // 4, still  # dropout and rules that do not fire may leave a few


def check_causality(make):
    for task in TASKS.values():
        model = make(task)
        past, _ = batch(task)
        sequence = model.sequence_model()
        every = np.asarray(sequence(past))
        np.testing.assert_allclose(every[:, -1], np.asarray(model(past)), atol=1e-6)
        changed = past.copy()
        changed[:, 15:] += 3.0
        np.testing.assert_allclose(np.asarray(sequence(changed))[:, :15], every[:, :15], atol=1e-6)
        assert np.abs(np.asarray(sequence(changed))[:, 15:] - every[:, 15:]).max() > 1e-3
