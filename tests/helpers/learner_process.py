"""A learner with its journal, fed with numbered operations; as a process it can be killed at any moment.

``python learner_process.py JOURNAL COUNT [KILL]`` continues with the first operation that is not in the journal, prints
the number of each operation once it is on the disk, and in the end what was learned. With ``KILL`` it kills itself
after so many of them, while others are being written.
"""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.helpers.serving_case import HORIZON, START, make_metadata, make_task
from tsforecast.ensemble.live import LiveEnsemble
from tsforecast.ensemble.online import step
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.intervals import AdaptiveIntervals
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.journal.retention import Retention
from tsforecast.serving import learner as learning
from tsforecast.serving.learner import Learner
from tsforecast.serving.window_record import split_windows

METADATA = ModelMetadata.from_task(make_task(), make_metadata(members=["a", "b"]))
learning.SNAPSHOT_SCORES = 50  # so that kills come between, before and after snapshots
UNDER_WAY = 30  # operations at once, so that those after a kill are few on a slow disk too


class Weighting:
    """The update of online weights, without Keras."""

    def initial_state(self):
        return {"weights": np.full(2, 0.5)}

    def update(self, state, errors, weights):
        settings = {"rate": 0.5, "share": 0.01, "scale": 1.0}
        return {"weights": step(state["weights"][None], weights[None], errors, **settings)[0]}

    def apply(self, state):
        pass


def make_learning_model(name="v0001", memory=60):
    """Return a version whose intervals and weights learn, with no network."""
    intervals = AdaptiveIntervals(HORIZON, 1, coverage=0.8, rate=0.05, memory=memory)
    return SimpleNamespace(
        name=name,
        version=SimpleNamespace(name=name),
        metadata=METADATA,
        intervals=intervals,
        intervals_of=lambda series: intervals,
        ensemble=LiveEnsemble(SimpleNamespace(weighting=Weighting()), METADATA),
    )


def make_learner(path, *models, keep=200):
    """Return a learner with these versions in service, the second as shadow."""
    learner = Learner(path, keep, Retention(days=400, megabytes=1000))
    for number, model in enumerate(models):
        learner.load(model)
        learner.adopt(model, is_shadow=number > 0)
    return learner


def forecast(learner, model, minutes, rng, *, is_shadow=False):
    """Add forecasts that depend on what was learned."""
    made_at = START + np.asarray(minutes) * np.timedelta64(60, "s")
    members = rng.normal(size=(len(minutes), 2, HORIZON, 1)).astype(np.float32)
    weights = np.tile(model.ensemble.state["weights"].astype(np.float32), (len(minutes), 1))
    values = 2.0 + 0.5 * (members * weights[:, :, None, None]).sum(axis=1).astype(np.float64)
    lower, upper = model.intervals.bounds(values, values)
    forecasts = Forecasts(values, values, values, weights=weights, members=members)
    last = rng.uniform(1, 3, (len(minutes), 1))
    windows = split_windows(model, made_at, last, forecasts, lower, upper)
    return learner.add(windows, model, is_shadow=is_shadow)


def observe(learner, model, minute, value, shadow=None):
    """Add the truth of a minute."""
    time = int((START + np.timedelta64(60 * minute, "s")).astype(np.int64))
    return learner.observe([(time, 0, value)], model, shadow)


def apply_operation(learner, model, number):
    """Apply one operation: even ones forecast, odd ones observe."""
    rng = np.random.default_rng(number)
    if number % 2 == 0:
        forecast(learner, model, [number // 2], rng)
    else:
        observe(learner, model, number // 2, float(rng.uniform(1, 3)))


def state(learner, model):
    """Return all that was learned, and what the live page shows."""
    return {
        "margins": model.intervals.margins().tolist(),
        "levels": model.intervals.levels.tolist(),
        "summary": model.intervals.summary(),
        "ensemble": model.ensemble.to_dict(),
        "pending": sorted(model.ensemble._pending),
        "live": learner.store.snapshot(),
    }


def count_operations(path):
    """Return how many operations are in a journal."""
    with sqlite3.connect(path) as connection:
        return sum(
            connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
            for table in ("forecasts", "truths")
        )


async def run(path, count, kill=None):
    """Apply the operations that are missing; many are under way at once."""
    model = make_learning_model()
    learner = make_learner(path, model)
    under_way, first = asyncio.Semaphore(UNDER_WAY), count_operations(path)

    async def acknowledge(number):
        await learner.journal.committed()
        print(number, flush=True)
        if kill is not None and number + 1 - first >= kill:
            os.kill(os.getpid(), signal.SIGKILL)
        under_way.release()

    tasks = []
    for number in range(first, count):
        await under_way.acquire()
        apply_operation(learner, model, number)
        tasks.append(asyncio.create_task(acknowledge(number)))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    print(json.dumps(state(learner, model)), flush=True)
    learner.close()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), *map(int, sys.argv[2:])))
