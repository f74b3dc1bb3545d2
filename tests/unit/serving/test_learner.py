"""What the learner learned survives kills and restarts to the last digit."""

import asyncio
import json
import random
import signal
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from tests.helpers import learner_process
from tests.helpers.learner_process import (
    apply_operation,
    count_operations,
    forecast,
    make_learner,
    make_learning_model,
    observe,
    state,
)
from tests.helpers.serving_case import HORIZON, LEAD
from tsforecast.journal import writer
from tsforecast.journal.writer import NotStored

OPERATIONS = 700


def uninterrupted(path, count=OPERATIONS):
    model = make_learning_model()
    learner = make_learner(path, model)
    for number in range(count):
        apply_operation(learner, model, number)
    result = state(learner, model)
    learner.close()
    return result


def run_until_killed(path, acknowledgments=None):
    """Run a process that kills itself after so many acknowledgments; return those, and the last line if it came."""
    command = [sys.executable, learner_process.__file__, path, str(OPERATIONS)]
    command += [] if acknowledgments is None else [str(acknowledgments)]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    assert process.returncode == (0 if acknowledgments is None else -signal.SIGKILL)
    lines = process.stdout.splitlines()
    last = None if acknowledgments else json.loads(lines.pop())
    return [int(line) for line in lines], last


def test_kills_at_random_moments_lose_nothing_that_was_acknowledged_and_change_no_digit(tmp_path):
    path, rng = tmp_path / "journal.db", random.Random(7)
    for _ in range(4):
        numbers, _ = run_until_killed(path, rng.randrange(20, 130))
        assert numbers[-1] < count_operations(path) < OPERATIONS
    _, last = run_until_killed(path)
    assert last == json.loads(json.dumps(uninterrupted(tmp_path / "other.db")))
    assert last["ensemble"]["learned"] > 300
    assert last["summary"]["truths"] > 500


def test_a_restart_after_every_operation_changes_no_digit(tmp_path):
    path = tmp_path / "journal.db"
    for number in range(50):
        model = make_learning_model()
        learner = make_learner(path, model)
        apply_operation(learner, model, number)
        restarted = state(learner, model)
        learner.close()
    assert restarted == uninterrupted(tmp_path / "other.db", 50)


def test_few_points_in_memory_are_restored_as_they_were(tmp_path):
    models = [make_learning_model() for _ in range(2)]
    learner = make_learner(tmp_path / "journal.db", models[0], keep=10)
    rng = np.random.default_rng(1)
    for minute in (0, 1, 2, 1, 7, 3):  # one is made again
        forecast(learner, models[0], [minute], rng)
        observe(learner, models[0], minute + 1, 2.0)
    points = list(learner.store.points.values())
    waiting = learner.store._waiting
    learner.close()
    again = make_learner(tmp_path / "journal.db", models[1], keep=10)
    assert list(again.store.points.values()) == points
    assert again.store._waiting == waiting
    assert again.store.truths == learner.store.truths
    again.close()


def test_a_shadow_learns_from_the_same_truths_and_continues_when_it_is_promoted(tmp_path):
    path = tmp_path / "journal.db"
    champion, shadow = make_learning_model("v0001"), make_learning_model("v0002")
    learner = make_learner(path, champion, shadow)
    rng = np.random.default_rng(2)
    for minute in range(100):
        forecast(learner, champion, [minute], rng)
        forecast(learner, shadow, [minute], rng, is_shadow=True)
        result = observe(learner, champion, minute, float(rng.uniform(1, 3)), shadow)
    assert [point.version for point in result.shadowed] == ["v0002"] * HORIZON
    assert [point.version for point in result.matched] == ["v0001"] * HORIZON
    assert {point["version"] for point in learner.store.snapshot()["points"]} == {"v0001"}
    learned = shadow.intervals.margins().copy()
    assert shadow.ensemble.learned > 90
    learner.adopt(shadow)  # promoted
    for minute in range(100, 100 + LEAD):  # truths of forecasts that it made as the shadow
        observe(learner, shadow, minute, 9.0)
    assert (shadow.intervals.margins() != learned).any()
    expected = shadow.intervals.margins().copy()
    learner.close()
    again = make_learning_model("v0002")
    make_learner(path, again).close()
    np.testing.assert_array_equal(again.intervals.margins(), expected)
    assert again.ensemble.to_dict() == shadow.ensemble.to_dict()


def test_a_version_that_returns_continues_from_what_it_had_learned(tmp_path):
    first, second = make_learning_model("v0001"), make_learning_model("v0002")
    learner = make_learner(tmp_path / "journal.db", first)
    rng = np.random.default_rng(3)
    for minute in range(60):
        forecast(learner, first, [minute], rng)
        observe(learner, first, minute, 2.5)
    learner.load(second)
    learner.adopt(second)
    observe(learner, second, 60, 3.0)  # of a forecast of the first, which it does not learn from
    assert second.intervals.summary()["truths"] == 0
    returned = make_learning_model("v0001")
    learner.load(returned)
    learner.adopt(returned)
    np.testing.assert_array_equal(returned.intervals.margins(), first.intervals.margins())
    learner.close()


def test_every_scored_forecast_is_in_the_journal(tmp_path):
    model = make_learning_model()
    learner = make_learner(tmp_path / "journal.db", model)
    rng = np.random.default_rng(4)
    observe(learner, model, LEAD, 1.0)
    forecast(learner, model, [0], rng)  # the first truth is known already, which is not scored
    observe(learner, model, LEAD + 1, 2.0)
    learner.close()
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        rows = connection.execute("SELECT step, truth, learned FROM scores ORDER BY id").fetchall()
    assert rows == [(0, 1.0, 0), (1, 2.0, 1)]


def test_a_full_disk_is_reported_and_what_was_refused_is_written_later(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.01)
    model = make_learning_model()
    learner = make_learner(tmp_path / "journal.db", model)
    learner.journal.flush()
    learner.journal._connection.execute("PRAGMA max_page_count=1")  # as small as it is now
    for minute in range(200):
        forecast(learner, model, [minute], np.random.default_rng(minute))
    with pytest.raises(NotStored, match="full"):
        asyncio.run(learner.journal.committed())
    learner.journal._connection.execute("PRAGMA max_page_count=1000000")
    apply_operation(learner, model, 401)
    learner.close()
    with sqlite3.connect(tmp_path / "journal.db") as connection:
        assert connection.execute("SELECT COUNT(*) FROM forecasts").fetchone() == (200,)
