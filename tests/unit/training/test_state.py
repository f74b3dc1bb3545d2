"""When a run ends, and what a checkpoint remembers of how far it is."""

import json
import math

import pytest

from tsforecast.training.options import TrainingOptions
from tsforecast.training.state import Budget, Progress

OPTIONS = {
    "batch_size": 10,
    "accumulate_steps": 1,
    "supervision": "dense",
    "warmup_steps": 0,
    "validation_windows": None,
    "shards": None,
    "objective": "forecast",
    "mask_share": 0.4,
    "probe": False,
    "steps_per_epoch": None,
    "max_steps": None,
    "max_epochs": None,
    "max_minutes": None,
    "patience": None,
    "min_delta": 0.0,
    "checkpoint_minutes": 1.0,
}


def budget(windows=1000, **changes):
    return Budget.from_options(TrainingOptions(**{**OPTIONS, **changes}), windows)


def test_an_epoch_is_all_windows_once():
    assert budget(max_epochs=3).batches_per_epoch == 100
    assert budget(max_epochs=3).max_batches == 300
    assert budget(max_epochs=3, windows=1009).batches_per_epoch == 100


def test_a_step_is_an_update_and_takes_as_many_batches_as_it_accumulates():
    found = budget(max_steps=7, accumulate_steps=4, steps_per_epoch=3)
    assert (found.batches_per_epoch, found.max_batches, found.max_updates) == (12, 28, 7)
    assert budget(max_epochs=1, accumulate_steps=3).batches_per_epoch == 99


def test_whichever_comes_first():
    assert budget(max_steps=50, max_epochs=2).max_batches == 50
    assert budget(max_steps=500, max_epochs=2).max_batches == 200
    assert budget(max_minutes=1).max_batches is None
    assert budget(max_minutes=1).max_updates is None


def test_an_epoch_has_a_batch_even_where_accumulation_takes_more_than_there_are():
    assert budget(windows=15, accumulate_steps=4, max_epochs=1).batches_per_epoch == 4


@pytest.mark.parametrize("best", [math.inf, 0.25])
def test_progress_comes_back_through_json(best):
    progress = Progress(batch=7, best=best, best_step=5, stale=2, seconds=30.0, ended="patience")
    stored = json.loads(json.dumps(progress.to_dict(), allow_nan=False))
    again = Progress.from_dict(stored)
    assert (again.batch, again.best, again.best_step, again.stale, again.ended) == (7, best, 5, 2, "patience")
    assert again.seconds >= 30.0
    assert again.elapsed() >= again.seconds
    assert not again.interrupted
