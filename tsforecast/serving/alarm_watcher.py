"""Watches the service for drift, broken sensors and broken promises, and passes alarms to whoever wants them."""

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from tsforecast.journal.writer import Statement
from tsforecast.monitoring.alarms import Alarm
from tsforecast.monitoring.monitor import Monitor
from tsforecast.monitoring.options import AlarmOptions
from tsforecast.monitoring.webhook import Webhook
from tsforecast.panels.panel import join_ids
from tsforecast.serving.events import EventBus
from tsforecast.serving.hooks import WatchedEvent
from tsforecast.serving.learner import Learner
from tsforecast.serving.model_manager import LoadedModel, ModelManager
from tsforecast.serving.monitor_state import restore_monitors, store_monitors
from tsforecast.serving.row_records import STORE_META
from tsforecast.serving.series_monitors import SeriesMonitors
from tsforecast.serving.telemetry import Telemetry
from tsforecast.tracking.current import current_tracker

SECONDS = 0.5  # in which rows and truths gather
SAVE_SECONDS, SAVE_CHANGED_SECONDS = 60.0, 5.0  # from one time that the state is stored to the next
MAX_EVENTS = 200_000  # that may wait; the oldest are dropped
SHOWN_ALARMS, SHOWN_MILD = 50, 20  # on the live page
MAX_ALERTS = 3  # of one kind in different series at once; more are one alert


class AlarmWatcher:
    """Feeds what happens to the monitors of the version in service, one for each series.

    They work in a thread of their own, on everything that has arrived in half a second: requests never wait for it.
    Their state is in the journal, at most a minute old after a kill (of thousands of series a few minutes), and their
    alarms five seconds.

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
        self.monitors: SeriesMonitors | None = None
        self._trouble: str | None = None
        self._waiting: deque[WatchedEvent] = deque(maxlen=MAX_EVENTS)
        self._alarms: Sequence[Alarm] = ()
        self._drift: Sequence[dict[str, Any]] = ()
        self._saved, self._is_changed, self._has_news = 0.0, False, False
        self._lock = threading.Lock()

    @property
    def monitor(self) -> Monitor | None:
        """The monitor of the only series, or of the arrival of rows of many; None before a version is in service."""
        return None if self.monitors is None else self.monitors.items[""].monitor

    @property
    def note(self) -> str | None:
        """Why something is not monitored."""
        return self._trouble or (None if self.monitors is None else self.monitors.note)

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
        await asyncio.to_thread(self._store, True)

    async def _process_safely(self) -> None:
        try:
            await self.process()
        except Exception as error:  # the service does not depend on its alarms
            trouble = f"Monitoring failed ({type(error).__name__}: {error})."
            if trouble != self._trouble:
                print(trouble, file=sys.stderr, flush=True)
            self._trouble = trouble

    async def process(self) -> list[Alarm]:
        """Pass on what has arrived, and return the alarms that were raised or ended."""
        model, changes = self.manager.active, list[Alarm]()
        if model is None:
            return changes
        now = asyncio.get_running_loop().time()
        if self._waiting or self._is_new(model) or self._falls_silent(now):
            self._has_news = True
            events = [self._waiting.popleft() for _ in range(len(self._waiting))]
            changes = await asyncio.to_thread(self._update, model, events, now)
        self._announce(changes)
        self._is_changed |= bool(changes)
        wait = SAVE_CHANGED_SECONDS if self._is_changed else SAVE_SECONDS
        if self._has_news and now - self._saved > wait:
            self._saved, self._is_changed, self._has_news = now, False, False
            await asyncio.to_thread(self._save)
        return changes

    def _is_new(self, model: LoadedModel) -> bool:
        return self.monitors is None or self.monitors.version != model.name

    def _falls_silent(self, now: float) -> bool:
        """Return whether rows should have arrived by now, and no alarm says so yet."""
        return self.monitors is not None and self.monitors.is_due(now)

    def shown(self, series: str | None = None) -> dict[str, Any]:
        """Return what the live page shows: ``alarms``, ``drift`` and ``monitoring``, why something is not monitored.

        Args:
            series: Name of the series, of a model of many; None for all.
        """
        monitors, alarms = self.monitors, list(self._alarms)
        if monitors is None or not monitors.is_panel:
            return _to_fields(alarms, self._drift, self.note)
        counts: dict[str, int] = {}
        for alarm in alarms:
            if alarm.end is None:
                counts[alarm.series] = counts.get(alarm.series, 0) + 1
        more: dict[str, Any] = {"open_alarms": counts}
        if series is None:
            return _to_fields(alarms, self._drift, self.note) | more
        of_series = [alarm for alarm in alarms if alarm.series in (series, "")]
        item, drift = monitors.items.get(series), list[dict[str, Any]]()
        if item is not None:
            drift, p_values = list(item.history), item.monitor.truths.p_values.tolist()
            more["p_values"] = {
                name: None if value != value else value  # NaN
                for name, value in zip(item.monitor.targets, p_values, strict=True)
            }
        return _to_fields(of_series, drift, self._trouble or monitors.note_of(series)) | more

    def _update(self, model: LoadedModel, events: list[WatchedEvent], now: float) -> list[Alarm]:
        with self._lock:  # when the service stops, a canceled task's thread may still be at work
            changes, monitors = list[Alarm](), self.monitors
            if monitors is None or monitors.version != model.name:
                monitors = self._adopt(model)
                changes += monitors.changes
            changes += monitors.feed(events, now)
            self._alarms, self._drift = monitors.newest(self.options.keep), list(monitors.history)
            self._trouble = None
            self.telemetry.show_alarms(monitors.open_alarms(), monitors.levels)
            return changes

    def _adopt(self, model: LoadedModel) -> SeriesMonitors:
        """Watch a version that has come into service."""
        monitors = SeriesMonitors(model, self.options, self.monitors)
        if self.monitors is None:
            restore_monitors(monitors, self.learner)
        self.monitors = monitors
        return monitors

    def _announce(self, alarms: Sequence[Alarm]) -> None:
        for alarm in alarms:
            self.events.publish("alarm", alarm.to_dict())
            if alarm.end is None:
                self.telemetry.raised_alarms.labels(alarm.kind, alarm.severity).inc()
            if self.webhook is not None:
                self.webhook.put(alarm)
        for title, text in describe_alerts(alarms):
            current_tracker().alert(title, text)

    def _save(self) -> None:
        self._store(everything=False)

    def _store(self, everything: bool) -> None:
        if self.monitors is None:
            return
        with self._lock:
            values, is_complete = store_monitors(self.monitors, everything)
        statements: list[Statement] = [(STORE_META, item) for item in values.items()]
        self.learner.journal.put(statements)
        if not is_complete:  # the rest follows soon
            self._has_news = self._is_changed = True


def describe_alerts(alarms: Sequence[Alarm]) -> list[tuple[str, str]]:
    """Return title and text of the alerts for a tracker: one for each raised alarm, or for many of one kind at once.

    Args:
        alarms: Alarms that were raised or ended at the same time.

    Example:
        >>> raised = [Alarm(n, "stuck", "load", "critical", 0, f"'m{n}': ...", series=f"m{n}") for n in range(40)]
        >>> describe_alerts(raised)
        [('Critical: stuck in 40 series', "'m0': ... The others are 'm1', 'm2', 'm3', 'm4', 'm5' and 34 more.")]
    """
    groups: dict[tuple[str, str], list[Alarm]] = {}
    for alarm in alarms:
        if alarm.end is None and alarm.severity != "info":
            groups.setdefault((alarm.severity, alarm.kind), []).append(alarm)
    alerts = []
    for (severity, kind), group in groups.items():
        names = list(dict.fromkeys(alarm.series for alarm in group))
        if len(names) > MAX_ALERTS:
            text = f"{group[0].text} The others are {join_ids(names[1:])}."
            alerts.append((f"{severity.capitalize()}: {kind} in {len(names):,} series", text))
            continue
        for alarm in group:
            owner = f" of '{alarm.series}'" if alarm.series else ""
            alerts.append((f"{severity.capitalize()}: {alarm.feature}{owner}", alarm.text))
    return alerts


def _to_fields(alarms: Sequence[Alarm], drift: Sequence[dict[str, Any]], note: str | None) -> dict[str, Any]:
    mild, severe = ([alarm for alarm in alarms if _is_mild(alarm) == kind] for kind in (True, False))
    shown = [*severe[:SHOWN_ALARMS], *mild[:SHOWN_MILD]]
    return {"alarms": [alarm.to_dict() for alarm in shown], "drift": list(drift), "monitoring": note}


def _is_mild(alarm: Alarm) -> bool:
    return alarm.severity == "info" and alarm.end is not None
