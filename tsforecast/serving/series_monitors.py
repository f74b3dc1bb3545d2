"""The monitors of all series of the version in service; a model of one series has one, whose name is empty."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tsforecast.monitoring.alarms import Alarm, AlarmBook, AlarmLog
from tsforecast.monitoring.anomaly import AnomalyScorer, SeriesScorer
from tsforecast.monitoring.detectors.silence import SilenceDetector
from tsforecast.monitoring.gathering import Score, gather_rows, gather_truths
from tsforecast.monitoring.local_time import local_seconds
from tsforecast.monitoring.monitor import FILE, Monitor, Reference
from tsforecast.monitoring.promises import read_promise
from tsforecast.monitoring.sentences import ALL
from tsforecast.monitoring.series_references import SERIES_FILE, SeriesReferences
from tsforecast.serving.hooks import AcceptedRow, IssuedForecast, ScoredForecast, WatchedEvent

if TYPE_CHECKING:
    from tsforecast.monitoring.options import AlarmOptions
    from tsforecast.serving.model_manager import LoadedModel

SHOWN_LEVELS, SERIES_LEVELS = (
    600,
    48,
)  # changes of the drift levels that are shown, of all and of one of many series
Levels = Mapping[str, Mapping[str, float]]  # by statistic and feature


@dataclasses.dataclass
class WatchedSeries:
    """One series.

    Args:
        monitor: Its monitor.
        silence: Watches the arrival of its rows.
        levels: How far its drift charts have risen, by statistic and feature.
        history: Times at which they changed, with the highest of each statistic, the oldest first.
        is_changed: Whether its state has changed since it was stored.
        is_urgent: Whether an alarm has.
        stored: In which round its state was stored; 0: in none.
    """

    monitor: Monitor
    silence: SilenceDetector
    levels: Levels = dataclasses.field(default_factory=dict)
    history: tuple[dict[str, Any], ...] = ()
    is_changed: bool = False
    is_urgent: bool = False
    stored: int = 0


class SeriesMonitors:
    """The monitors of the series of a version, created when a series is first seen.

    Of a model of many series, the one with the empty name watches only whether any rows arrive, and the thresholds
    of drift are set for the stated rate of false alarms in all series together.

    Args:
        model: The version.
        options: What raises an alarm.
        before: Those of the version that was in service before, whose open alarms stay; None: none.
    """

    def __init__(self, model: LoadedModel, options: AlarmOptions, before: SeriesMonitors | None = None):
        self.version, self.is_panel = model.name, model.series.is_panel
        self.log: AlarmLog = AlarmLog(options.keep) if before is None else before.log
        self.items: dict[str, WatchedSeries] = {}
        self.levels: Levels = {}  # the highest of all series
        self.history: deque[dict[str, Any]] = deque(() if before is None else before.history, SHOWN_LEVELS)
        self.pool = [AnomalyScorer(options.anomaly_rate) for _ in model.metadata.targets]
        self.changes = list[Alarm]()  # alarms that ended with the version before
        self._model, self._options = model, options
        self._before = {} if before is None else before.items
        self._is_other_kind = before is not None and before.is_panel != self.is_panel
        self.rounds = 0  # times that states have been stored
        self._newest = 0  # time of the newest row of any series
        self._resumed = float("-inf")  # when rows arrived after a silence of the whole service
        self._references: SeriesReferences | None = None
        self._single: Reference | None = None
        self._read_references()
        for name, item in self._before.items():
            if item.monitor.book.open:
                self.changes += self._adopt(name, item)
        self.of("")

    @property
    def note(self) -> str | None:
        """Why inputs are not monitored."""
        if self._references is not None and not len(self._references):
            return f"No series of {self.version} has two weeks of training rows to compare its inputs with."
        if self._single is not None or self._references is not None:
            return None
        file = SERIES_FILE if self.is_panel else FILE
        return f"{self.version} has no {file}: promote its run again to monitor inputs."

    def note_of(self, series: str) -> str | None:
        """Return why the inputs of a series are not monitored."""
        if self._references is None or not series or series in self._references:
            return self.note
        return f"'{series}' has no two weeks of training rows to compare its inputs with: its forecasts are monitored."

    def of(self, name: str) -> WatchedSeries:
        """Return a series, which is watched from now on if it has not been."""
        if name not in self.items:
            before = self._before.get(name)
            book = AlarmBook(self._options.keep, name, self.log) if before is None else before.monitor.book
            silence = self._create_silence() if before is None else before.silence
            self.items[name] = WatchedSeries(self._create(name, book), silence)
        return self.items[name]

    def feed(self, events: Sequence[WatchedEvent], now: float) -> list[Alarm]:
        """Pass events on to the monitors of their series, and return the alarms that were raised or ended.

        Args:
            events: The events, in the order of arrival.
            now: Seconds that never go back.
        """
        groups, changes = defaultdict[str, list[WatchedEvent]](list), list[Alarm]()
        for event in events:
            groups[_series_of(event)].append(event)
        arrived = set()
        for name, group in groups.items():
            item = self.of(name)
            changes += self._feed_one(item, group)
            if any(isinstance(event, AcceptedRow) for event in group):
                arrived.add(name)
        changes += self._watch_silence(arrived, now)
        for alarm in changes:
            self.of(alarm.series).is_urgent = True
        self.note_levels(groups)
        return changes

    def note_levels(self, names: Iterable[str]) -> None:
        """Keep what the drift charts of some series say now.

        Args:
            names: The series.
        """
        is_new = False
        for name in names:
            item = self.items[name]
            levels, time = item.monitor.levels(), item.monitor.last_time
            if levels != item.levels and time is not None:
                item.levels, is_new = levels, True
                highest = {kind: max(by_name.values()) for kind, by_name in levels.items() if by_name}
                _add_change(item, {"time": time, "levels": highest})
        if is_new:
            self._note_highest()

    def is_due(self, now: float) -> bool:
        """Return whether rows should have arrived by now, and no alarm says so yet."""
        if self._is_silent(self.items[""]):
            return False
        return self.items[""].silence.is_silent(now) or any(
            not self._is_silent(item) and item.silence.is_silent(now, self._resumed)
            for item in self.items.values()
        )

    def open_alarms(self) -> list[Alarm]:
        """Return the open alarms of all series, the newest first."""
        alarms = [alarm for item in self.items.values() for alarm in item.monitor.book.open.values()]
        return sorted(alarms, key=lambda alarm: -alarm.number)

    def newest(self, count: int) -> list[Alarm]:
        """Return open alarms, then those that ended last; each group newest first."""
        return [*self.open_alarms(), *reversed(self.log.ended)][:count]

    def _read_references(self) -> None:
        path = self._model.version.path / (SERIES_FILE if self.is_panel else FILE)
        if not path.is_file():
            return
        if self.is_panel:
            self._references = SeriesReferences(path)
            share = self._options.false_alarms_per_week / max(1, len(self._references))
            self._options = dataclasses.replace(self._options, false_alarms_per_week=share)
        else:
            self._single = Reference.from_dict(json.loads(path.read_text()))

    def _create(self, name: str, book: AlarmBook) -> Monitor:
        metadata, reference, scorers = self._model.metadata, self._single, None
        if self.is_panel:
            reference = None if self._references is None else self._references.of(name)
            residuals = None if reference is None else reference.residuals
            usual = [float("nan")] * len(self.pool) if residuals is None else residuals.typical.tolist()
            scorers = [SeriesScorer(*pair) for pair in zip(self.pool, usual, strict=True)]
        # The result of many series has the shares of persistence's error of all together.
        result = {} if self.is_panel else self._model.version.result()
        return Monitor(
            reference,
            read_promise(result, metadata.targets, self._model.intervals.coverage, reference),
            self._options,
            step=metadata.step,
            local=local_seconds(metadata.clock),
            book=book,
            scorers=scorers,
        )

    def _create_silence(self) -> SilenceDetector:
        return SilenceDetector(self._options.missing_rows * float(self._model.metadata.step))

    def _adopt(self, name: str, before: WatchedSeries) -> list[Alarm]:
        """Watch a series of the version before; return its alarms that end, of what this version does not have."""
        if self._is_other_kind:
            book, time = before.monitor.book, before.monitor.last_time
            ended = [
                book.end_alarm(kind, feature, time=alarm.start if time is None else time)
                for (kind, feature), alarm in list(book.open.items())
            ]
            return [alarm for alarm in ended if alarm is not None]
        return self.of(name).monitor.end_unknown()

    def _feed_one(self, item: WatchedSeries, events: Sequence[WatchedEvent]) -> list[Alarm]:
        monitor, changes = item.monitor, list[Alarm]()
        item.is_changed = True
        rows = [(event.time, event.values) for event in events if isinstance(event, AcceptedRow)]
        if rows:
            self._newest = max(self._newest, max(time for time, _ in rows))
        if rows and monitor.features:
            changes += monitor.add_rows(*gather_rows(rows, monitor.features))
        scores = [score for event in events if (score := _score(event, self.version)) is not None]
        if scores:
            changes += monitor.add_truths(gather_truths(scores, len(monitor.targets)))
        for event in events:
            if isinstance(event, IssuedForecast):
                changes += _note_spikes(monitor, event)
        return changes

    def _watch_silence(self, arrived: set[str], now: float) -> list[Alarm]:
        """Note which series sent rows; while no series does, that is one alarm, and not one for each."""
        service, changes = self.of(""), list[Alarm]()
        newest = self._newest if self.is_panel else None
        was_silent = self._is_silent(service)
        if arrived:
            service.silence.add_arrival(now)
            if was_silent:
                self._resumed = now
            changes += service.monitor.note_silence(None, newest)
        elif service.silence.is_silent(now):
            changes += service.monitor.note_silence(service.silence.seconds(now), newest)
        for name, item in self.items.items() if self.is_panel else ():
            if name in arrived and name:
                item.silence.add_arrival(now)
                changes += item.monitor.note_silence(None)
            elif name and not self._is_silent(service) and item.silence.is_silent(now, self._resumed):
                changes += item.monitor.note_silence(item.silence.seconds(now))
        return changes

    def _is_silent(self, item: WatchedSeries) -> bool:
        return ("silence", ALL) in item.monitor.book.open

    def _note_highest(self) -> None:
        """Keep the highest levels of all series, and whose they are."""
        levels: dict[str, dict[str, float]] = {}
        highest, owner = dict[str, float](), dict[str, str]()
        for name, item in self.items.items():
            for kind, by_feature in item.levels.items():
                known = levels.setdefault(kind, {})
                for feature, level in by_feature.items():
                    known[feature] = max(level, known.get(feature, 0.0))
                    if level > highest.get(kind, -1.0):
                        highest[kind], owner[kind] = level, name
        self.levels = levels
        times = [item.monitor.last_time for item in self.items.values()]
        change: dict[str, Any] = {"time": max(time for time in times if time is not None), "levels": highest}
        if self.is_panel:
            change["series"] = owner
        if highest and (not self.history or self.history[-1]["levels"] != highest):
            self.history.append(change)


def _add_change(item: WatchedSeries, change: dict[str, Any]) -> None:
    if change["levels"] and (not item.history or item.history[-1]["levels"] != change["levels"]):
        item.history = (*item.history, change)[-SERIES_LEVELS:]


def _series_of(event: WatchedEvent) -> str:
    if isinstance(event, AcceptedRow):
        return event.series
    return event.window.series if isinstance(event, IssuedForecast) else event.point.series


def _score(event: WatchedEvent, version: str) -> Score | None:
    """Return a scored forecast of this version; None for other events."""
    if not isinstance(event, ScoredForecast) or event.is_shadow or event.point.version != version:
        return None
    point = event.point
    if point.truth is None:
        return None
    return Score(point.time, point.target, point.forecast, point.last, point.lower, point.upper, point.truth)


def _note_spikes(monitor: Monitor, event: IssuedForecast) -> list[Alarm]:
    """Raise an alarm for each target of which a spike is forecast, and end those of the others."""
    window, changes = event.window, list[Alarm]()
    for target, name in enumerate(event.targets):
        flagged = window.arrays["alarm"][:, target]
        highest = float(window.arrays["values"][:, target].max())
        figures = {"forecast": highest, "last": float(window.arrays["last"][target])}
        changes += monitor.add_spike(name, window.made_at, figures if flagged.any() else None)
    return changes
