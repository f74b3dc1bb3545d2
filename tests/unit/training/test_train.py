"""``fit`` from wherever a run stands: an interrupted epoch is finished, and its line is the whole epoch's."""

import keras
import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.training.callbacks import (
    BudgetCallback,
    Checkpoint,
    EarlyStopping,
    MetricsLogger,
    finish_on_signals,
)
from tsforecast.training.state import Budget, Progress
from tsforecast.training.train import fit


class Line(keras.Model):
    """Learns one number from batches that are their own number."""

    def __init__(self):
        super().__init__()
        self.weight = self.add_weight(shape=(), initializer="zeros", name="weight")

    @property
    def forecaster(self):
        return self

    def build(self, input_shape):
        self.built = True

    def call(self, x):
        return x * self.weight


def stream(start):
    while True:
        yield np.full((2, 1), start % 7 + 1, "float32"), np.full((2, 1), start % 5, "float32")
        start += 1


def budget(**changes):
    fields = {
        "max_minutes": None,
        "patience": None,
        "min_delta": 0.0,
        "checkpoint_minutes": 1e9,
        "accumulate": 1,
    }
    return Budget(**{"batches_per_epoch": 4, "max_batches": 10, **fields, **changes})


class Session:
    """The part of a run that one process trains; the next session begins with what it leaves."""

    def __init__(self, tmp_path, plan, progress=None, weight=0.0, mean=None, losses=(), interrupt_at=None):
        self.progress, self.plan = progress or Progress(), plan
        self.model = Line()
        self.model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse", jit_compile=False)
        self.model.build((2, 1))
        self.model.optimizer.build(self.model.trainable_variables)
        self.model.weight.assign(weight)
        if mean is not None:
            for variable, value in zip(self.model.metrics_variables, mean, strict=True):
                variable.assign(value)
        self.rows, self.saved, self.losses = [], [], iter(losses)
        early_stopping = EarlyStopping(self.progress, plan, self.score)
        checkpoint = Checkpoint(
            self.progress, plan, tmp_path / "best.keras", tmp_path / "last.npz", early_stopping
        )
        checkpoint._save_state = lambda: self.saved.append(self.progress.batch)
        self.callbacks = [
            BudgetCallback(self.progress, plan),
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: self.interrupt(interrupt_at)
            ),
            early_stopping,
            MetricsLogger(self.progress, plan, dict, self.rows.append),
            checkpoint,
        ]

    def interrupt(self, at):
        if at is not None and self.progress.batch == at:
            self.progress.interrupted = True
            self.model.stop_training = True

    def score(self):
        return {"val/loss": next(self.losses, 1.0)}

    def run(self, monkeypatch):
        monkeypatch.setattr(
            "tsforecast.training.callbacks.save_model", lambda model, path: self.saved.append("best")
        )
        fit(self.model, stream, self.progress, self.plan, self.callbacks)
        return self

    def mean(self):
        return [keras.ops.convert_to_numpy(variable.value) for variable in self.model.metrics_variables]


def without_seconds(rows):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.mark.parametrize("at", [1, 3, 4, 6, 8, 9])
def test_interrupted_run_writes_the_same_rows_as_an_uninterrupted_one(at, tmp_path, monkeypatch):
    """Also when the interruption falls on the last batch of an epoch: its validation is not left out."""
    losses = [3.0, 2.0, 1.0]
    whole = Session(tmp_path, budget(), losses=losses).run(monkeypatch)
    first = Session(tmp_path, budget(), losses=losses, interrupt_at=at).run(monkeypatch)
    assert first.progress.batch == at
    assert first.saved[-1] == at
    done = Progress.from_dict(first.progress.to_dict())
    second = Session(
        tmp_path,
        budget(),
        progress=done,
        weight=float(first.model.weight.value),
        mean=first.mean(),
        losses=losses[len(first.rows) :],
    ).run(monkeypatch)
    assert without_seconds(first.rows + second.rows) == without_seconds(whole.rows)
    assert [row["step"] for row in whole.rows] == [4, 8, 10]
    assert float(second.model.weight.value) == float(whole.model.weight.value)
    assert second.progress.best_step == whole.progress.best_step == 10
    assert second.progress.ended == "max_steps"


def test_finished_training_does_not_continue(tmp_path, monkeypatch):
    ended = Progress(batch=10, ended="max_steps")
    again = Session(tmp_path, budget(), progress=ended, weight=0.5).run(monkeypatch)
    assert (again.rows, again.progress.batch) == ([], 10)
    assert float(again.model.weight.value) == 0.5


def test_patience_ends_training_and_the_best_epoch_is_kept(tmp_path, monkeypatch):
    done = Session(tmp_path, budget(max_batches=100, patience=2), losses=[3.0, 1.0, 2.0, 1.5, 0.1]).run(
        monkeypatch
    )
    assert [row["val/loss"] for row in done.rows] == [3.0, 1.0, 2.0, 1.5]
    assert (done.progress.ended, done.progress.best, done.progress.best_step) == ("patience", 1.0, 8)
    assert done.saved == ["best", 4, "best", 8, 12, 16]


def test_only_min_delta_counts_as_an_improvement(tmp_path, monkeypatch):
    plan = budget(max_batches=100, patience=2, min_delta=0.5)
    done = Session(tmp_path, plan, losses=[3.0, 2.6, 2.4, 2.0, 1.95]).run(monkeypatch)
    assert done.progress.best == 2.4
    assert [row["val/loss"] for row in done.rows] == [3.0, 2.6, 2.4, 2.0, 1.95]


def test_time_limit_ends_training(tmp_path, monkeypatch):
    done = Session(tmp_path, budget(max_batches=None, max_minutes=0.0)).run(monkeypatch)
    assert (done.progress.ended, done.progress.batch) == ("max_minutes", 1)
    assert len(done.rows) == 1


def test_checkpoint_within_an_epoch_is_never_saved_at_its_end(tmp_path, monkeypatch):
    """Resuming from there would skip the epoch's validation."""
    done = Session(tmp_path, budget(checkpoint_minutes=0.0), losses=[3.0, 3.0, 3.0]).run(monkeypatch)
    assert done.saved == [1, 2, 3, "best", 4, 5, 6, 7, 8, 9, 10]


def test_nan_loss_ends_training(tmp_path, monkeypatch):
    session = Session(tmp_path, budget())
    session.model.weight.assign(np.nan)
    with pytest.raises(UserError, match=r"became nan by step 1: lower optimizer\.learning_rate"):
        session.run(monkeypatch)


def test_a_signal_lets_the_step_finish_and_a_second_ends_at_once():
    import os
    import signal

    progress = Progress()
    before = signal.getsignal(signal.SIGTERM)
    with finish_on_signals(progress):
        os.kill(os.getpid(), signal.SIGTERM)
        assert progress.interrupted
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before
