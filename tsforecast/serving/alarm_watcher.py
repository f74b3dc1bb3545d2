"""Watches the service for drift, broken sensors and broken promises, and passes alarms to whoever wants them."""

import asyncio
import json
import sys
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tsforecast.monitoring.alarms import Alarm, AlarmBook
from tsforecast.monitoring.detectors.silence import SilenceDetector
from tsforecast.monitoring.gathering import Score, gather_rows, gather_truths
from tsforecast.monitoring.local_time import local_seconds
from tsforecast.monitoring.monitor import FILE, Monitor, Reference
from tsforecast.monitoring.options import AlarmOptions
from tsforecast.monitoring.promises import read_promise
from tsforecast.monitoring.sentences import ALL
from tsforecast.monitoring.webhook import Webhook
from tsforecast.serving.events import EventBus
from tsforecast.serving.hooks import AcceptedRow, IssuedForecast, ScoredForecast, WatchedEvent
from tsforecast.serving.learner import Learner
from tsforecast.serving.model_manager import LoadedModel, ModelManager
from tsforecast.serving.row_records import STORE_META
from tsforecast.serving.telemetry import Telemetry
from tsforecast.tracking.current import current_tracker

STATE = "monitor"  # key of the journal
SECONDS = 0.5  # in which rows and truths gather
SAVE_SECONDS, SAVE_CHANGED_SECONDS = 60.0, 5.0  # from one time that the state is stored to the next
MAX_EVENTS = 200_000  # that may wait; the oldest are dropped
SHOWN_ALARMS, SHOWN_MILD, SHOWN_LEVELS = 50, 20, 600  # on the live page


class AlarmWatcher:
    """Feeds what happens to the monitor of the version in service.

    The monitor works in a thread of its own, on everything that has arrived in half a second: requests never wait for
    it. Its state is in the journal, at most a minute old after a kill, and its alarms five seconds.

    Args:
        options: What raises an alarm.
        manager: Holds the version in service.
        learner: Holds the journal.
        telemetry: Counters and gauges.
        events: Bus that alarms are published on.
        webhook: Where alarms are sent, or None.
    """

    def __init__(
        self,
        options: AlarmOptions,
        manager: ModelManager,
        learner: Learner,
        telemetry: Telemetry,
        events: EventBus,
        webhook: Webhook | None,
    ):
        self.options, self.manager, self.learner = options, manager, learner
        self.telemetry, self.events, self.webhook = telemetry, events, webhook
        self.monitor: Monitor | None = None
        self.note: str | None = None  # why inputs are not monitored
        self.levels: deque[dict[str, Any]] = deque(maxlen=SHOWN_LEVELS)
        self._version: str | None = None
        self._silence: SilenceDetector | None = None
        self._waiting: deque[WatchedEvent] = deque(maxlen=MAX_EVENTS)
        self._shown: dict[str, Any] = {"alarms": [], "drift": []}
        self._saved, self._is_changed, self._has_news = 0.0, False, False
        self._lock = threading.Lock()

    def __call__(self, event: WatchedEvent) -> None:
        """Take an event; returns at once."""
        self._waiting.append(event)

    async def run(self) -> None:
        """Work until canceled, in the event loop of the service."""
        if self.webhook is not None:
            self.webhook.start()
        while True:
            await asyncio.sleep(SECONDS)
            await self._process_safely()

    async def stop(self) -> None:
        """Work off what has arrived, and store the state, before the journal is closed."""
        await self._process_safely()
        if self.webhook is not None:
            await asyncio.to_thread(self.webhook.stop)
        await asyncio.to_thread(self._save)

    async def _process_safely(self) -> None:
        try:
            await self.process()
        except Exception as error:  # the service does not depend on its alarms
            trouble = f"Monitoring failed ({type(error).__name__}: {error})."
            if trouble != self.note:
                print(trouble, file=sys.stderr, flush=True)
            self.note = trouble

    async def process(self) -> list[Alarm]:
        """Pass on what has arrived, and return the alarms that were raised or ended."""
        model, changes = self.manager.active, list[Alarm]()
        if model is None:
            return changes
        now = asyncio.get_running_loop().time()
        if self._waiting or model.name != self._version or self._falls_silent(now):
            self._has_news = True
            events = [self._waiting.popleft() for _ in range(len(self._waiting))]
            changes = await asyncio.to_thread(self._update, model, events, now)
        for alarm in changes:
            self._announce(alarm)
        self._is_changed |= bool(changes)
        wait = SAVE_CHANGED_SECONDS if self._is_changed else SAVE_SECONDS
        if self._has_news and now - self._saved > wait:
            self._saved, self._is_changed, self._has_news = now, False, False
            await asyncio.to_thread(self._save)
        return changes

    def _falls_silent(self, now: float) -> bool:
        """Return whether rows should have arrived by now, and no alarm says so yet."""
        if self._silence is None or self.monitor is None or not self._silence.is_silent(now):
            return False
        return ("silence", ALL) not in self.monitor.book.open

    def shown(self) -> dict[str, Any]:
        """Return what the live page shows: ``alarms``, ``drift`` and ``monitoring``, why something is not monitored."""
        return {**self._shown, "monitoring": self.note}

    def _show(self, monitor: Monitor) -> None:
        """Set what is shown; requests read it while the monitor works on."""
        levels = monitor.levels()
        self._add_levels(levels, monitor.last_time)
        newest = monitor.book.newest(self.options.keep)
        mild, severe = ([alarm for alarm in newest if _is_mild(alarm) == kind] for kind in (True, False))
        alarms = severe[:SHOWN_ALARMS] + mild[:SHOWN_MILD]
        self._shown = {"alarms": [alarm.to_dict() for alarm in alarms], "drift": list(self.levels)}
        self.telemetry.show_alarms(list(monitor.book.open.values()), levels)

    def _update(self, model: LoadedModel, events: list[WatchedEvent], now: float) -> list[Alarm]:
        with self._lock:  # when the service stops, a canceled task's thread may still be at work
            return self._feed(model, events, now)

    def _feed(self, model: LoadedModel, events: list[WatchedEvent], now: float) -> list[Alarm]:
        if model.series.is_panel:
            self.note = f"Monitoring watches models of one series, and {model.name} forecasts many."
            return []
        changes = [] if model.name == self._version else self._adopt(model)
        monitor = self.monitor
        if monitor is None:
            return changes
        rows = [(event.time, event.values) for event in events if isinstance(event, AcceptedRow)]
        if rows and monitor.features:
            changes += monitor.add_rows(*gather_rows(rows, monitor.features))
        if self._silence is not None:
            changes += self._watch_silence(monitor, self._silence, bool(rows), now)
        scores = [score for event in events if (score := _score(event, model.name)) is not None]
        if scores:
            changes += monitor.add_truths(gather_truths(scores, len(monitor.targets)))
        for event in events:
            if isinstance(event, IssuedForecast):
                changes += _note_spikes(monitor, event)
        self._show(monitor)
        return changes

    def _adopt(self, model: LoadedModel) -> list[Alarm]:
        """Watch a version that has come into service; alarms of features that it does not have end."""
        reference = _read_reference(model.version.path)
        self.note = (
            None if reference else f"{model.name} has no {FILE}: promote its run again to monitor inputs."
        )
        metadata = model.metadata
        promise = read_promise(model.version.result(), metadata.targets, model.intervals.coverage, reference)
        book = AlarmBook(self.options.keep) if self.monitor is None else self.monitor.book
        monitor = Monitor(
            reference,
            promise,
            self.options,
            step=metadata.step,
            local=local_seconds(metadata.clock),
            book=book,
        )
        stored = self.learner.read_meta(STATE) if self._version is None else None
        if stored is not None:
            content = json.loads(stored)
            if content["version"] == model.name and monitor.restore(content["state"]):
                self.levels.extend(content["levels"])
            else:
                book.restore(content["state"]["book"])
        if self._silence is None:
            self._silence = SilenceDetector(self.options.missing_rows * float(metadata.step))
        self.monitor, self._version = monitor, model.name
        return monitor.end_unknown()

    def _watch_silence(
        self, monitor: Monitor, silence: SilenceDetector, has_rows: bool, now: float
    ) -> list[Alarm]:
        if has_rows:
            silence.add_arrival(now)
            return monitor.note_silence(None)
        return monitor.note_silence(silence.seconds(now)) if silence.is_silent(now) else []

    def _add_levels(self, levels: Mapping[str, Mapping[str, float]], time: int | None) -> None:
        highest = {kind: max(by_name.values()) for kind, by_name in levels.items() if by_name}
        if highest and time is not None and (not self.levels or self.levels[-1]["levels"] != highest):
            self.levels.append({"time": time, "levels": highest})

    def _announce(self, alarm: Alarm) -> None:
        self.events.publish("alarm", alarm.to_dict())
        if alarm.end is None:
            self.telemetry.raised_alarms.labels(alarm.kind, alarm.severity).inc()
            if alarm.severity != "info":
                current_tracker().alert(f"{alarm.severity.capitalize()}: {alarm.feature}", alarm.text)
        if self.webhook is not None:
            self.webhook.put(alarm)

    def _save(self) -> None:
        if self.monitor is None:
            return
        with self._lock:
            content = {
                "version": self._version,
                "levels": list(self.levels),
                "state": self.monitor.to_dict(),
            }
        self.learner.journal.put([(STORE_META, (STATE, json.dumps(content)))])


def _is_mild(alarm: Alarm) -> bool:
    return alarm.severity == "info" and alarm.end is not None


def _read_reference(version: Path) -> Reference | None:
    path = version / FILE
    return Reference.from_dict(json.loads(path.read_text())) if path.is_file() else None


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
