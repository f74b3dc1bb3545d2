"""What the service learns from forecasts and truths, each change with its records in the journal.

All changes are made in one thread, in the order of arrival, and each is one transaction of the journal: after a kill at
any moment, intervals and weights are those of a service that saw the same records without interruption.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tsforecast.journal.database import (
    TABLES,
    UNSAVED,
    open_journal,
    read_journal,
    series_condition,
    state_key,
)
from tsforecast.journal.retention import Retention
from tsforecast.journal.writer import GroupWriter, Statement
from tsforecast.serving.live_store import LiveStore, Truth
from tsforecast.serving.row_records import STORE_META
from tsforecast.serving.saved_state import import_saved_state
from tsforecast.serving.series_stores import SeriesStores
from tsforecast.serving.window_record import Point, WindowRecord

if TYPE_CHECKING:
    from tsforecast.ensemble.live import LiveEnsemble
    from tsforecast.inference.intervals import AdaptiveIntervals

RECENT_TRUTHS = 20_000  # that an ensemble gets when it is put in service
SNAPSHOT_SCORES = 5_000  # after which the intervals are stored, so that a restart replays no more
INSERT_FORECAST = "INSERT INTO forecasts VALUES(?,?,?,?,?,?,?,?)"
INSERT_TRUTH = "INSERT INTO truths VALUES(?,?,?,?,?,?)"
INSERT_SCORE = "INSERT INTO scores VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
LEARNED = "UPDATE forecasts SET pending=0 WHERE version=? AND made_at=? AND pending"
STORE_WEIGHTS = "INSERT INTO weights VALUES(?,?) ON CONFLICT(version) DO UPDATE SET content=excluded.content"
STORE_INTERVALS = (
    "INSERT INTO intervals VALUES(?,?,?)"
    " ON CONFLICT(version) DO UPDATE SET score=excluded.score, content=excluded.content"
)
TAIL = (
    "SELECT series, id, step, target, low, high, lower, upper, truth FROM scores"
    " WHERE version=? AND id>? AND learned ORDER BY id"
)
STORED = "SELECT version, score, content FROM intervals WHERE version=? OR (version>? AND version<?)"
MAX_UNSAVED = (
    500_000  # scores of many series after which intervals are stored, whatever has been learned of them
)


class LearningModel(Protocol):
    """What the learner needs of a version in service, see ``model_manager.LoadedModel``."""

    @property
    def name(self) -> str:
        """Name of the version."""

    def intervals_of(self, series: str) -> AdaptiveIntervals | None:
        """Return the intervals of a series, which learn; None for a series without a level."""

    def restore_level(self, series: str, content: str) -> None:
        """Restore the level of a series that was not in the training data."""

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
        series: Name of the series of each of the truths.
    """

    truths: list[Truth]
    matched: list[Point]
    shadowed: list[Point]
    series: list[str]


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
        self.stores, self.shadow_stores = SeriesStores(keep), SeriesStores(keep)
        self._recent: OrderedDict[tuple[int, int], float] = OrderedDict()
        self._learned: dict[
            tuple[str, str], int
        ] = {}  # scores since the intervals of a version and series were stored
        self._unsaved: OrderedDict[tuple[str, str], int] = OrderedDict()  # the first of them, of named series
        self._adopted: dict[bool, LearningModel] = {}  # by whether it is the shadow
        self._oldest_unsaved = 0
        import_saved_state(path.parent, connection)
        self._ids = {
            table: connection.execute(f"SELECT COALESCE(MAX(id), 0) FROM {table}").fetchone()[0]
            for table in TABLES
        }
        self._restore(connection)
        self.journal = GroupWriter(connection, retention.apply)

    @property
    def store(self) -> LiveStore:
        """The newest forecasts of the champion of one series."""
        return self.stores.of("")

    def close(self) -> None:
        """Store what the versions in service learned, and close the journal."""
        for model in self._adopted.values():
            self.journal.put(self._snapshots(model))
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

    def read_metas(self, prefix: str) -> dict[str, str]:
        """Return the values of the table ``meta`` whose keys have a prefix, by the rest of the key."""
        with closing(read_journal(self.path)) as connection:
            rows = connection.execute(
                "SELECT key, value FROM meta WHERE key>=? AND key<?", (prefix, f"{prefix}\U0010ffff")
            ).fetchall()
        return {key[len(prefix) :]: value for key, value in rows}

    def load(self, model: LearningModel) -> None:
        """Restore what a version learned in earlier service; from any thread, before the version is adopted."""
        self.journal.flush()
        with closing(read_journal(self.path)) as connection:
            levels = "SELECT series, content FROM levels WHERE version=?"
            for series, content in connection.execute(levels, (model.name,)):
                model.restore_level(series, content)
            saved = {}
            for key, score, content in connection.execute(
                STORED, (model.name, f"{model.name}/", f"{model.name}0")
            ):
                series = key[len(model.name) + 1 :]
                intervals = model.intervals_of(series)
                if intervals is not None:
                    intervals.restore(content)
                    saved[series] = score
            self._replay(connection, model, saved)
            if model.ensemble is not None:
                _load_ensemble(connection, model.name, model.ensemble)

    def _replay(self, connection: sqlite3.Connection, model: LearningModel, saved: Mapping[str, int]) -> None:
        """Learn from the scores that came after the stored intervals of each series."""
        start = saved.get("", 0)
        unsaved = connection.execute("SELECT value FROM meta WHERE key=?", (UNSAVED,)).fetchone()
        if unsaved is not None and model.intervals_of("") is None:
            start = int(unsaved[0]) - 1
        for series, number, step, target, low, high, lower, upper, truth in connection.execute(
            TAIL, (model.name, start)
        ):
            intervals = model.intervals_of(series) if number > saved.get(series, 0) else None
            if intervals is not None:
                intervals.update_one(step, target, band=(low, high), interval=(lower, upper), truth=truth)
                self._count(model.name, series, number)

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
            self.journal.put(self._snapshots(before))
        if was_shadow:
            del self._adopted[True]
        elif model.ensemble is not None:
            model.ensemble.restore_truths((*key, value) for key, value in self._recent.items())

    def retire_shadow(self) -> None:
        """Take the shadow out of service."""
        if True in self._adopted:
            self.journal.put(self._snapshots(self._adopted.pop(True)))

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
            statements.append((INSERT_FORECAST, (*values, record.to_bytes(), record.series)))
            if model.ensemble is not None and record.is_pending:
                model.ensemble.restore_forecast(
                    record.made_at, record.arrays["points"], record.arrays["weights"]
                )
        alarms, stores = 0, self.shadow_stores if is_shadow else self.stores
        for series in dict.fromkeys(record.series for record in numbered):
            raised, known = stores.of(series).add_windows(
                [item for item in numbered if item.series == series]
            )
            alarms += raised
            statements += [self._score(point, now, is_learned=False) for point in known]
        self.journal.put(statements)
        return alarms

    def observe(
        self,
        truths: Sequence[Truth],
        model: LearningModel,
        shadow: LearningModel | None = None,
        more: Sequence[Statement] = (),
        series: Sequence[str] = (),
    ) -> Observation:
        """Add truths, and let the versions in service learn from them.

        Args:
            truths: The truths.
            model: The champion in service.
            shadow: The shadow, if there is one.
            more: Further records of the same change, such as the rows that the truths come from.
            series: Name of the series of each truth; none for models of one series.
        """
        now, statements, new, names = self.now(), list(more), list[Truth](), list[str]()
        matched, shadowed = list[Point](), list[Point]()
        for (moment, target, value), name in zip(truths, series or [""] * len(truths), strict=True):
            store = self.stores.of(name)
            if (moment, target) in store.truths:
                continue
            new.append((moment, target, value))
            names.append(name)
            statements.append((INSERT_TRUTH, (self.next_id("truths"), now, moment, target, value, name)))
            matched += store.observe(moment, target, value)
            shadowed += self.shadow_stores.of(name).observe(moment, target, value)
            if name:  # ensembles of many series do not learn
                continue
            self._add_recent(moment, target, value)
            statements += _learn_weights(model, moment, target, value)
            if shadow is not None:
                statements += _learn_weights(shadow, moment, target, value)
        for points, learner in ((matched, model), (shadowed, shadow or model)):
            points.sort(key=lambda point: (point.time, point.step))
            statements += self._learn(points, learner, now)
        self.journal.put(statements)
        return Observation(new, matched, shadowed, names)

    def _learn(self, points: Sequence[Point], model: LearningModel, now: int) -> list[Statement]:
        statements = []
        for point in points:
            intervals = model.intervals_of(point.series) if point.version == model.name else None
            statements.append(self._score(point, now, is_learned=intervals is not None))
            if intervals is not None and point.truth is not None:
                intervals.update_one(
                    point.step,
                    point.target,
                    band=(point.low, point.high),
                    interval=(point.lower, point.upper),
                    truth=point.truth,
                )
                self._count(model.name, point.series, self._ids["scores"])
        for series in dict.fromkeys(point.series for point in points):
            if self._learned.get((model.name, series), 0) >= SNAPSHOT_SCORES:
                statements += self._snapshot(model, series)
        return statements + self._save_oldest(model)

    def _score(self, point: Point, now: int, is_learned: bool) -> Statement:
        identity = (self.next_id("scores"), now, point.version, point.window)
        cell = (point.time, point.step, point.target)
        bounds = (point.forecast, point.low, point.high, point.lower, point.upper)
        return INSERT_SCORE, (*identity, *cell, *bounds, point.truth, int(is_learned), point.series)

    def _count(self, version: str, series: str, score: int) -> None:
        """Note that the intervals of a series have learned from a score."""
        self._learned[version, series] = self._learned.get((version, series), 0) + 1
        if series:
            self._unsaved.setdefault((version, series), score)

    def _save_oldest(self, model: LearningModel) -> list[Statement]:
        """Store intervals whose scores are so old that they could be deleted before; return the statements."""
        statements, before = list[Statement](), self._oldest_unsaved
        while self._unsaved:
            (version, series), first = next(iter(self._unsaved.items()))
            if version != model.name or first > self._ids["scores"] - MAX_UNSAVED:
                break
            statements += self._snapshot(model, series)
        first = next(iter(self._unsaved.values()), before)
        if first != before:
            self._oldest_unsaved = first
            statements.append((STORE_META, (UNSAVED, str(first))))
        return statements

    def _snapshot(self, model: LearningModel, series: str) -> list[Statement]:
        intervals = model.intervals_of(series)
        self._learned[model.name, series] = 0
        self._unsaved.pop((model.name, series), None)
        if intervals is None:
            return []
        key = state_key(model.name, series)
        return [(STORE_INTERVALS, (key, self._ids["scores"], intervals.to_bytes()))]

    def _snapshots(self, model: LearningModel) -> list[Statement]:
        """Return the statements that store what a version has learned of its series."""
        learned = [
            series for (version, series), count in self._learned.items() if version == model.name and count
        ]
        return [
            statement
            for series in dict.fromkeys(["", *learned])
            for statement in self._snapshot(model, series)
        ]

    def _add_recent(self, moment: int, target: int, value: float) -> None:
        self._recent[moment, target] = value
        while len(self._recent) > RECENT_TRUTHS:
            self._recent.popitem(last=False)

    def _restore(self, connection: sqlite3.Connection) -> None:
        names = connection.execute(
            "SELECT series FROM forecasts WHERE series<>'' UNION SELECT series FROM truths WHERE series<>''"
        ).fetchall()
        for stores in (self.stores, self.shadow_stores):
            for (name,) in names:
                stores.of(name)
        for name in self.stores:
            count = self.store.keep if name else max(RECENT_TRUTHS, self.store.keep)
            newest = f"SELECT time, target, value FROM truths WHERE {series_condition(name)} ORDER BY id DESC LIMIT ?"
            truths = connection.execute(newest, (name, count)).fetchall()[::-1]
            for truth in () if name else truths:
                self._add_recent(*truth)
            for is_shadow, stores in ((0, self.stores), (1, self.shadow_stores)):
                store = stores.of(name)
                store.restore_truths(truths[-store.keep :])
                store.restore(_newest_windows(connection, is_shadow, name))


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
    connection: sqlite3.Connection, is_shadow: int, series: str
) -> Iterator[tuple[WindowRecord, dict[tuple[int, int], float]]]:
    """Yield forecasts with their truths by step and target, the newest first."""
    windows = connection.execute(
        "SELECT id, version, made_at, content FROM forecasts"
        f" WHERE shadow=? AND {series_condition(series)} ORDER BY id DESC",
        (is_shadow, series),
    )
    for number, version, made_at, content in windows:
        truths = connection.execute("SELECT step, target, truth FROM scores WHERE forecast=?", (number,))
        known = {(step, target): truth for step, target, truth in truths}
        yield WindowRecord.from_bytes(version, made_at, content, number, series), known
