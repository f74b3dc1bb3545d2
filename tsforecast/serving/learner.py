"""What the service learns from forecasts and truths, each change with its records in the journal.

All changes are made in one thread, in the order of arrival, and each is one transaction of the journal: after a kill at
any moment, intervals and weights are those of a service that saw the same records without interruption.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tsforecast.journal.database import TABLES, open_journal, read_journal
from tsforecast.journal.retention import Retention
from tsforecast.journal.writer import GroupWriter, Statement
from tsforecast.serving.live_store import LiveStore, Truth
from tsforecast.serving.saved_state import import_saved_state
from tsforecast.serving.window_record import Point, WindowRecord

if TYPE_CHECKING:
    from tsforecast.ensemble.live import LiveEnsemble
    from tsforecast.inference.intervals import AdaptiveIntervals

RECENT_TRUTHS = 20_000  # that an ensemble gets when it is put in service
SNAPSHOT_SCORES = 5_000  # after which the intervals are stored, so that a restart replays no more
INSERT_FORECAST = "INSERT INTO forecasts VALUES(?,?,?,?,?,?,?)"
INSERT_TRUTH = "INSERT INTO truths VALUES(?,?,?,?,?)"
INSERT_SCORE = "INSERT INTO scores VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
LEARNED = "UPDATE forecasts SET pending=0 WHERE version=? AND made_at=? AND pending"
STORE_WEIGHTS = "INSERT INTO weights VALUES(?,?) ON CONFLICT(version) DO UPDATE SET content=excluded.content"
STORE_INTERVALS = (
    "INSERT INTO intervals VALUES(?,?,?)"
    " ON CONFLICT(version) DO UPDATE SET score=excluded.score, content=excluded.content"
)
TAIL = (
    "SELECT step, target, low, high, lower, upper, truth FROM scores"
    " WHERE version=? AND id>? AND learned ORDER BY id"
)


class LearningModel(Protocol):
    """What the learner needs of a version in service, see ``model_manager.LoadedModel``."""

    @property
    def name(self) -> str:
        """Name of the version."""

    @property
    def intervals(self) -> AdaptiveIntervals:
        """Intervals that learn."""

    @property
    def ensemble(self) -> LiveEnsemble | None:
        """Weights that follow the truths; None for other models."""


@dataclass(frozen=True)
class Observation:
    """What became of some truths.

    Args:
        truths: Those that are new.
        matched: Values of the champion's forecasts that they were for.
        shadowed: Values of the shadow's forecasts.
    """

    truths: list[Truth]
    matched: list[Point]
    shadowed: list[Point]


class Learner:
    """The forecasts of the service, their truths, and what the versions in service learn from them.

    Args:
        path: File of the journal.
        keep: Forecast values to keep in memory.
        retention: What the journal forgets.
        clock: Returns the seconds since 1970.

    Example:
        ::

            learner = Learner(folder / "journal.db", keep=2000, retention=Retention(days=365, megabytes=4000))
            learner.load(model)
            learner.adopt(model)
            learner.add(windows, model)
            learner.observe([(1_290_805_320, 0, 1.4)], model)
            await learner.journal.committed()
    """

    def __init__(
        self, path: Path, keep: int, retention: Retention, clock: Callable[[], float] = time.time
    ) -> None:
        connection = open_journal(path)
        self.path, self._clock = path, clock
        self.store, self.shadow_store = LiveStore(keep), LiveStore(keep)
        self._recent: OrderedDict[tuple[int, int], float] = OrderedDict()
        self._learned: dict[str, int] = {}  # scores since the intervals of a version were stored
        self._adopted: dict[bool, LearningModel] = {}  # by whether it is the shadow
        import_saved_state(path.parent, connection)
        self._ids = {
            table: connection.execute(f"SELECT COALESCE(MAX(id), 0) FROM {table}").fetchone()[0]
            for table in TABLES
        }
        self._restore(connection)
        self.journal = GroupWriter(connection, retention.apply)

    def close(self) -> None:
        """Store what the versions in service learned, and close the journal."""
        for model in self._adopted.values():
            self.journal.put([self._snapshot(model)])
        self.journal.close()

    def size(self) -> int:
        """Return the bytes of the journal, with its write-ahead log."""
        files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.is_file())

    def next_id(self, table: str, count: int = 1) -> int:
        """Return the id of the next record of a table, or of the first of ``count`` records."""
        self._ids[table] += count
        return self._ids[table] - count + 1

    def now(self) -> int:
        """Return the time of arrival that a record gets, in milliseconds since 1970."""
        return int(self._clock() * 1000)

    def read_meta(self, key: str) -> str | None:
        """Return a value of the table ``meta``; None if there is none."""
        with closing(read_journal(self.path)) as connection:
            row = connection.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def load(self, model: LearningModel) -> None:
        """Restore what a version learned in earlier service; from any thread, before the version is adopted."""
        self.journal.flush()
        with closing(read_journal(self.path)) as connection:
            score, content = connection.execute(
                "SELECT score, content FROM intervals WHERE version=?", (model.name,)
            ).fetchone() or (0, None)
            if content is not None:
                model.intervals.restore(content)
            tail = connection.execute(TAIL, (model.name, score)).fetchall()
            for step, target, low, high, lower, upper, truth in tail:
                model.intervals.update_one(
                    step, target, band=(low, high), interval=(lower, upper), truth=truth
                )
            self._learned[model.name] = len(tail)
            if model.ensemble is not None:
                _load_ensemble(connection, model.name, model.ensemble)

    def adopt(self, model: LearningModel, *, is_shadow: bool = False) -> None:
        """Put a version in service, from the thread that makes all changes; nothing if it is in service.

        Args:
            model: The version, after ``load``.
            is_shadow: Whether it is the shadow.
        """
        before = self._adopted.get(is_shadow)
        if before is model:
            return
        was_shadow = self._adopted.get(True) is model
        self._adopted[is_shadow] = model
        if before is not None:
            self.journal.put([self._snapshot(before)])
        if was_shadow:
            del self._adopted[True]
        elif model.ensemble is not None:
            model.ensemble.restore_truths((*key, value) for key, value in self._recent.items())

    def retire_shadow(self) -> None:
        """Take the shadow out of service."""
        if True in self._adopted:
            self.journal.put([self._snapshot(self._adopted.pop(True))])

    def add(
        self,
        windows: Sequence[WindowRecord],
        model: LearningModel,
        *,
        is_shadow: bool = False,
        more: Sequence[Statement] = (),
    ) -> int:
        """Add forecasts of a version in service.

        Args:
            windows: The forecasts.
            model: The version that made them.
            is_shadow: Whether it is the shadow.
            more: Further records of the same change.

        Returns:
            The number of values that raise a spike alarm.
        """
        now, statements = self.now(), list(more)
        numbered = []
        for window in windows:
            record = replace(window, id=self.next_id("forecasts"))
            numbered.append(record)
            pending = int(record.is_pending)
            values = (record.id, now, record.version, int(is_shadow), record.made_at, pending)
            statements.append((INSERT_FORECAST, (*values, record.to_bytes())))
            if model.ensemble is not None and record.is_pending:
                model.ensemble.restore_forecast(
                    record.made_at, record.arrays["points"], record.arrays["weights"]
                )
        store = self.shadow_store if is_shadow else self.store
        alarms, known = store.add_windows(numbered)
        statements += [self._score(point, now, is_learned=False) for point in known]
        self.journal.put(statements)
        return alarms

    def observe(
        self,
        truths: Sequence[Truth],
        model: LearningModel,
        shadow: LearningModel | None = None,
        more: Sequence[Statement] = (),
    ) -> Observation:
        """Add truths, and let the versions in service learn from them.

        Args:
            truths: The truths.
            model: The champion in service.
            shadow: The shadow, if there is one.
            more: Further records of the same change, such as the rows that the truths come from.
        """
        now, statements, new = self.now(), list(more), list[Truth]()
        matched, shadowed = list[Point](), list[Point]()
        for moment, target, value in truths:
            if (moment, target) in self.store.truths:
                continue
            new.append((moment, target, value))
            statements.append((INSERT_TRUTH, (self.next_id("truths"), now, moment, target, value)))
            self._add_recent(moment, target, value)
            matched += self.store.observe(moment, target, value)
            shadowed += self.shadow_store.observe(moment, target, value)
            statements += _learn_weights(model, moment, target, value)
            if shadow is not None:
                statements += _learn_weights(shadow, moment, target, value)
        for points, learner in ((matched, model), (shadowed, shadow or model)):
            points.sort(key=lambda point: (point.time, point.step))
            statements += self._learn(points, learner, now)
        self.journal.put(statements)
        return Observation(new, matched, shadowed)

    def _learn(self, points: Sequence[Point], model: LearningModel, now: int) -> list[Statement]:
        statements = []
        for point in points:
            is_learned = point.version == model.name
            if is_learned and point.truth is not None:
                model.intervals.update_one(
                    point.step,
                    point.target,
                    band=(point.low, point.high),
                    interval=(point.lower, point.upper),
                    truth=point.truth,
                )
                self._learned[model.name] = self._learned.get(model.name, 0) + 1
            statements.append(self._score(point, now, is_learned))
        if self._learned.get(model.name, 0) >= SNAPSHOT_SCORES:
            statements.append(self._snapshot(model))
        return statements

    def _score(self, point: Point, now: int, is_learned: bool) -> Statement:
        identity = (self.next_id("scores"), now, point.version, point.window)
        cell = (point.time, point.step, point.target)
        bounds = (point.forecast, point.low, point.high, point.lower, point.upper)
        return INSERT_SCORE, (*identity, *cell, *bounds, point.truth, int(is_learned))

    def _snapshot(self, model: LearningModel) -> Statement:
        self._learned[model.name] = 0
        return STORE_INTERVALS, (model.name, self._ids["scores"], model.intervals.to_bytes())

    def _add_recent(self, moment: int, target: int, value: float) -> None:
        self._recent[moment, target] = value
        while len(self._recent) > RECENT_TRUTHS:
            self._recent.popitem(last=False)

    def _restore(self, connection: sqlite3.Connection) -> None:
        newest = "SELECT time, target, value FROM truths ORDER BY id DESC LIMIT ?"
        truths = connection.execute(newest, (max(RECENT_TRUTHS, self.store.keep),)).fetchall()[::-1]
        for truth in truths:
            self._add_recent(*truth)
        for is_shadow, store in ((0, self.store), (1, self.shadow_store)):
            store.restore_truths(truths[-store.keep :])
            store.restore(_newest_windows(connection, is_shadow))


def _learn_weights(model: LearningModel, moment: int, target: int, value: float) -> list[Statement]:
    ensemble = model.ensemble
    made_at = None if ensemble is None else ensemble.observe(moment, target, value)
    if ensemble is None or made_at is None:
        return []
    return [
        (LEARNED, (model.name, made_at)),
        (STORE_WEIGHTS, (model.name, json.dumps(ensemble.to_dict()))),
    ]


def _load_ensemble(connection: sqlite3.Connection, name: str, ensemble: LiveEnsemble) -> None:
    weights = connection.execute("SELECT content FROM weights WHERE version=?", (name,)).fetchone()
    if weights is not None:
        ensemble.restore(json.loads(weights[0]))
    rows = connection.execute(
        "SELECT id, made_at, content FROM forecasts WHERE version=? AND pending ORDER BY id", (name,)
    )
    for number, made_at, content in rows:
        arrays = WindowRecord.from_bytes(name, made_at, content, number).arrays
        ensemble.restore_forecast(made_at, arrays["points"], arrays["weights"])


def _newest_windows(
    connection: sqlite3.Connection, is_shadow: int
) -> Iterator[tuple[WindowRecord, dict[tuple[int, int], float]]]:
    """Yield forecasts with their truths by step and target, the newest first."""
    windows = connection.execute(
        "SELECT id, version, made_at, content FROM forecasts WHERE shadow=? ORDER BY id DESC", (is_shadow,)
    )
    for number, version, made_at, content in windows:
        truths = connection.execute("SELECT step, target, truth FROM scores WHERE forecast=?", (number,))
        known = {(step, target): truth for step, target, truth in truths}
        yield WindowRecord.from_bytes(version, made_at, content, number), known
