"""What the HTTP routes call: forecasts, truths, models, and what the live page shows."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from tsforecast.errors import UserError, nearest
from tsforecast.feeds.batch import Feed
from tsforecast.journal.database import state_key
from tsforecast.journal.writer import Statement
from tsforecast.monitoring.options import AlarmOptions
from tsforecast.monitoring.webhook import Webhook
from tsforecast.registry import Version
from tsforecast.serving import requests
from tsforecast.serving.alarm_watcher import AlarmWatcher
from tsforecast.serving.batching import Batcher, QueueFull
from tsforecast.serving.events import EventBus
from tsforecast.serving.feed_task import FeedTask
from tsforecast.serving.hooks import AcceptedRow, IssuedForecast, ScoredForecast, WatchedEvent, Watcher
from tsforecast.serving.learner import Learner, Observation
from tsforecast.serving.live_store import LiveStore, Truth
from tsforecast.serving.model_manager import LoadedModel, ModelManager
from tsforecast.serving.monitoring import REPORT_SECONDS, ServiceMonitor
from tsforecast.serving.responses import (
    ARROW,
    AlarmsResponse,
    AuditResponse,
    ForecastResult,
    IntervalSummary,
    LiveResponse,
    ModelInput,
    ModelsResponse,
    ObserveResponse,
)
from tsforecast.serving.row_intake import RowIntake, read_large_aside, start_series
from tsforecast.serving.row_records import STORE_META
from tsforecast.serving.series_names import series_feature
from tsforecast.serving.telemetry import Telemetry
from tsforecast.serving.window_record import split_windows

MAX_AUDIT_ENTRIES = 1_000
MAX_ROWS = 10_000  # of one request to observe
LATEST = "latest"  # key of the journal
MANIFEST_KEYS = ("created", "model", "params", "metrics", "skill", "data", "window", "unit", "lineage")


class NotReady(Exception):
    """No model is in service yet."""


class UnknownSeries(Exception):
    """No series in use has the name that a request asks for."""


class Service:
    """One model in service, the forecasts that it made, and how they turned out.

    What a response acknowledges is on the disk: it waits for the transaction of the journal with its records.

    Args:
        manager: Holds the model.
        learner: Holds forecasts and truths, and the journal.
        telemetry: Counters and gauges.
        max_batch: Windows in a batch.
        queue: Windows that may wait.
        max_windows: Windows in one request.

    Attributes:
        watchers: Called with each accepted row and each scored forecast, see ``hooks``.
        events: Bus of forecasts and alarms, which ``GET /v1/events`` streams.

    Example:
        ::

            service = Service(manager, learner, Telemetry(), max_batch=32, queue=512, max_windows=256)
            await service.start()
            result = await service.forecast(body, "application/json")
    """

    def __init__(
        self,
        manager: ModelManager,
        learner: Learner,
        telemetry: Telemetry,
        *,
        max_batch: int,
        queue: int,
        max_windows: int,
    ):
        self.manager, self.learner, self.telemetry = manager, learner, telemetry
        self.max_windows = max_windows
        self.batcher = Batcher(max_batch=max_batch, queue=queue, on_batch=telemetry.batch)
        self.watchers: list[Watcher] = []
        self.events = EventBus()
        self._feed: FeedTask | None = None
        self.rows = RowIntake(self)
        self._latest = learner.read_meta(LATEST)  # the forecast that arrived last, as JSON
        self._latest_of = learner.read_metas(f"{LATEST}/")  # that of each series
        self._monitor = ServiceMonitor(telemetry)
        self._tasks: set[asyncio.Task[None]] = set()
        self._alarms: AlarmWatcher | None = None

    def monitor(self, options: AlarmOptions, webhook: Webhook | None) -> None:
        """Watch rows, forecasts and truths, and raise alarms; before the start.

        Args:
            options: What raises an alarm.
            webhook: Where alarms are sent, or None.
        """
        self._alarms = AlarmWatcher(options, self.manager, self.learner, self.telemetry, self.events, webhook)
        self.watchers.append(self._alarms)

    @property
    def store(self) -> LiveStore:
        """The newest forecasts of the champion."""
        return self.learner.store

    def follow(self, open_feed: Callable[[str | None], Feed], name: str, seconds: float) -> None:
        """Follow a feed of rows once the service starts.

        Args:
            open_feed: Opens the feed at a position that was stored.
            name: Name of the feed, under which its position is stored.
            seconds: Seconds to wait when there is nothing new.

        Raises:
            UserError: There is no such feed.
        """
        self._feed = FeedTask(self, open_feed, name, seconds)

    async def start(self) -> None:
        """Start to serve, in the running event loop."""
        self.batcher.start()
        self.manager.start()
        self.start_task(self._report_regularly())
        if self._feed is not None:
            self.start_task(self._feed.run())
        if self._alarms is not None:
            self.start_task(self._alarms.run())

    async def stop(self) -> None:
        """Stop, and store what was learned."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.batcher.stop()
        if self._alarms is not None:
            await self._alarms.stop()
        await asyncio.to_thread(self.manager.stop)
        await asyncio.to_thread(self.learner.close)
        self._report()

    def active(self) -> LoadedModel:
        """Return the model in service.

        Raises:
            NotReady: There is none yet.
        """
        if self.manager.active is None:
            raise NotReady(self.manager.trouble or "The champion is being loaded.")
        self.learner.adopt(self.manager.active)
        return self.manager.active

    def shadow(self) -> LoadedModel | None:
        """Return the version that forecasts along with the one in service; None if there is none."""
        shadow = self.manager.shadow
        if shadow is None or shadow is self.manager.active:
            self.learner.retire_shadow()
            return None
        self.learner.adopt(shadow, is_shadow=True)
        return shadow

    async def forecast(self, body: bytes, content_type: str) -> ForecastResult:
        """Return the forecasts of a request's windows, once they are stored.

        Args:
            body: Body of the request.
            content_type: JSON or Arrow.

        Raises:
            UserError: The request is wrong.
            QueueFull: Too many windows are waiting.
            NotReady: There is no model yet.
            NotStored: The disk fails.
        """
        active, shadow = self.active(), self.shadow()
        self.learner.journal.check()
        batch = await self._read(body, content_type, active)
        if shadow is not None:
            self.start_task(self._forecast_shadow(body, content_type, shadow))
        result = await self.forecast_batch(active, batch)
        await self.learner.journal.committed()
        return result

    async def observe(self, body: bytes) -> ObserveResponse:
        """Add truths; the intervals learn from them.

        Args:
            body: Body of the request, see ``requests.ObserveRequest``.

        Raises:
            UserError: The request is wrong; nothing of it has been added then.
            NotReady: There is no model yet.
            NotStored: The disk fails.
        """
        active = self.active()
        self.learner.journal.check()
        count, truths = requests.read_truths(body, active.metadata, MAX_ROWS)
        series = [truth.series for truth in truths if truth.series]
        active.series.check(series)
        observation = self.add_truths(
            active, [(int(truth.time), truth.target, truth.value) for truth in truths], (), series
        )
        names = active.metadata.targets
        for (moment, target, value), name in zip(observation.truths, observation.series, strict=True):
            self.call_watchers(AcceptedRow(moment, {names[target]: value}, name))
        await self.learner.journal.committed()
        return ObserveResponse(
            rows=count,
            matched=len(observation.matched),
            intervals=IntervalSummary(**active.intervals.summary()),
        )

    def add_truths(
        self,
        active: LoadedModel,
        truths: Sequence[Truth],
        more: Sequence[Statement] = (),
        series: Sequence[str] = (),
    ) -> Observation:
        """Add truths, let the versions in service learn from them, and count them.

        Args:
            active: The champion in service.
            truths: The truths.
            more: Further records of the same change, such as the rows that the truths come from.
            series: Name of the series of each truth; none for models of one series.
        """
        observation = self.learner.observe(truths, active, self.shadow(), more, series)
        for points, is_shadow in ((observation.matched, False), (observation.shadowed, True)):
            for point in points:
                self.telemetry.score(point, is_shadow=is_shadow)
                self.call_watchers(ScoredForecast(point, is_shadow))
        return observation

    def live(self, series: str | None = None) -> LiveResponse:
        """Return what the live page shows.

        Args:
            series: Name of the series, of a model of many; None for the first one.

        Raises:
            NotReady: There is no model yet.
            UnknownSeries: No series has this name.
        """
        active = self.active()
        metadata, names = active.metadata, self._series_names(active)
        shown = self._find_series(active, series) or (names[0] if names else "")
        intervals = active.intervals_of(shown)
        coverage = active.intervals.summary() if intervals is None else intervals.summary()
        return LiveResponse(
            version=active.version.name,
            model=str(active.version.manifest.get("model", "")),
            promoted=self._promotion_time(active.version.name),
            unit=metadata.unit,
            targets=list(metadata.targets),
            step_seconds=metadata.step,
            step=metadata.grid.step.describe(),
            lead=metadata.lead,
            horizon=metadata.horizon,
            members=list(metadata.members),
            intervals=IntervalSummary(**coverage),
            timezone=metadata.clock.timezone if metadata.clock.is_utc else "",
            trouble=self.manager.trouble,
            **self.learner.stores.of(shown).snapshot(),
            **self._alarm_fields(shown or None),
            **self._series_fields(active, shown),
        )

    def audit(self) -> AuditResponse:
        """Return the newest entries of the registry's audit log."""
        try:
            return AuditResponse(entries=self.manager.registry.audit.read(MAX_AUDIT_ENTRIES), trouble=None)
        except UserError as error:
            return AuditResponse(entries=[], trouble=str(error))

    def alarms(self, series: str | None = None) -> AlarmsResponse:
        """Return the alarms, open ones first.

        Args:
            series: Name of the series, of a model of many; None for all.

        Raises:
            NotReady: A series is named before a model is loaded.
            UnknownSeries: No series has this name.
        """
        name = None if series is None else self._find_series(self.active(), series)
        return AlarmsResponse(**self._alarm_fields(name))

    def latest(self, series: str | None = None) -> str:
        """Return the forecast that arrived last, as the JSON of a ``responses.ForecastResponse``.

        Args:
            series: Name of the series, of a model of many; None for whichever arrived last.

        Raises:
            NotReady: There is none yet.
            UnknownSeries: No series has this name.
        """
        name = self._find_series(self.active(), series) if series is not None else None
        latest = self._latest if name is None else self._latest_of.get(name)
        if latest is None:
            raise NotReady(f"No forecast{f' of {name!r}' if name else ''} has been made yet.")
        return latest

    def _find_series(self, active: LoadedModel, name: str | None) -> str:
        """Return the name of a series in use; empty without one."""
        if name is None:
            return ""
        if not active.series.is_panel:
            raise UnknownSeries(f"{active.name} forecasts one series: leave series out.")
        names = self._series_names(active)
        if name not in names:
            raise UnknownSeries(f"No series '{name}' has been sent.{nearest(name, names)}")
        return name

    def _series_names(self, active: LoadedModel) -> list[str]:
        """Return the series in use, also those that have sent nothing since the version came into service."""
        return sorted({*active.series.names, *self.learner.stores} - {""}) if active.series.is_panel else [""]

    def models(self) -> ModelsResponse:
        """Return all versions, and the inputs and outputs of the one in service."""
        registry, active = self.manager.registry, self.manager.active
        champion, versions, damage = None, list[Version](), None
        try:
            champion, versions = registry.champion_name(), registry.versions()
        except (OSError, UserError) as error:  # damaged files: what is in service stays
            damage = str(error)
        return ModelsResponse(
            champion=champion,
            serving=active.version.name if active else None,
            shadow=self.manager.shadow.name if self.manager.shadow else None,
            trouble=self.manager.trouble or damage or self.manager.shadow_trouble,
            input=_describe_input(active) if active else None,
            models=[
                {"version": version.name, **{key: version.manifest.get(key) for key in MANIFEST_KEYS}}
                for version in versions
            ],
        )

    def metrics(self) -> bytes:
        """Return the page for Prometheus."""
        active = self.manager.active
        return self.telemetry.text(
            self.batcher.waiting,
            active.version.name if active else None,
            active.intervals.summary() if active else None,
            journal_fails=self.learner.journal.failure is not None,
            journal_bytes=self.learner.size(),
        )

    async def _read(self, body: bytes, content_type: str, model: LoadedModel) -> requests.WindowBatch:
        read = requests.from_arrow if content_type == ARROW else requests.from_json
        book = model.series if model.series.is_panel else None
        return await read_large_aside(read, body, model.metadata, self.max_windows, book)

    async def forecast_batch(
        self,
        model: LoadedModel,
        batch: requests.WindowBatch,
        *,
        is_shadow: bool = False,
        more: Sequence[Statement] = (),
    ) -> ForecastResult:
        """Forecast windows, and put the forecasts into the journal.

        Args:
            model: Version that forecasts.
            batch: The windows.
            is_shadow: Whether the version is the shadow.
            more: Further records of the same change.
        """
        forecasts = await self.batcher.forecast(model.predictor, batch.past, batch.series)
        more = [*more, *start_series(model, dict(zip(batch.names, batch.series, strict=True)))]
        lower, upper = model.series.bounds(forecasts.low, forecasts.high, batch.names)
        result = ForecastResult(model, batch.made_at, forecasts, lower, upper, batch.notes, batch.names)
        edges = (lower, upper)
        windows = split_windows(
            model, batch.made_at, batch.last, forecasts, *edges, batch.names, batch.series
        )
        if is_shadow:
            self.learner.add(windows, model, is_shadow=True, more=more)
            return result
        newest = {
            name: item.to_response().model_dump_json(exclude_unset=True)
            for name, item in result.newest_of_each().items()
        }
        latest = newest[batch.names[-1] if batch.names else ""]
        stored = [
            (STORE_META, (state_key(LATEST, name), content)) for name, content in newest.items() if name
        ]
        alarms = self.learner.add(windows, model, more=[*more, (STORE_META, (LATEST, latest)), *stored])
        self.telemetry.alarms.inc(alarms)
        for window in windows:
            self.call_watchers(IssuedForecast(window, model.metadata.targets))
        self._latest = latest
        self._latest_of |= {name: content for name, content in newest.items() if name}
        if self.events.has_listeners:
            self.start_task(self._publish(result))
        return result

    async def _publish(self, result: ForecastResult) -> None:
        """Pass a forecast to the listeners once it is stored."""
        await self.learner.journal.committed()
        self.events.publish("forecast", result.to_response().model_dump_json(exclude_unset=True))

    async def _forecast_shadow(self, body: bytes, content_type: str, shadow: LoadedModel) -> None:
        """Forecast the windows of a request by the shadow, if they fit it."""
        try:
            batch = await self._read(body, content_type, shadow)
        except UserError:
            self.telemetry.shadow_skipped.inc()
            return
        await self.forecast_by_shadow(shadow, batch)

    async def forecast_by_shadow(self, shadow: LoadedModel, batch: requests.WindowBatch) -> None:
        """Forecast windows by the shadow, unless too many are waiting.

        Args:
            shadow: The shadow.
            batch: The windows.
        """
        try:
            await self.forecast_batch(shadow, batch, is_shadow=True)
            self.telemetry.shadow_windows.inc(len(batch.past))
        except QueueFull:
            self.telemetry.shadow_skipped.inc()

    def call_watchers(self, event: WatchedEvent) -> None:
        """Pass an event to the watchers."""
        for watcher in self.watchers:
            watcher(event)

    def start_task(self, work: Coroutine[None, None, None]) -> None:
        """Run something in the background, until the service stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _series_fields(self, active: LoadedModel, shown: str) -> dict[str, Any]:
        if not active.series.is_panel:
            return {}
        fields: dict[str, Any] = {"series": self._series_names(active), "shown": shown}
        return fields | ({"numbers_steps": True} if active.metadata.numbers_steps else {})

    def _alarm_fields(self, series: str | None = None) -> dict[str, Any]:
        if self._alarms is None:
            return {"alarms": [], "drift": [], "monitoring": "serve.alarms.enabled is false."}
        return self._alarms.shown(series)

    def _promotion_time(self, name: str) -> str | None:
        try:
            moves = self.manager.registry.moves()
        except (OSError, UserError):  # the manager says so
            return None
        return next((move["at"] for move in reversed(moves) if move["version"] == name), None)

    async def _report_regularly(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            self._report()

    def _report(self) -> None:
        active = self.manager.active
        version, intervals = (
            (None, None) if active is None else (active.version.name, active.intervals.summary())
        )
        self._monitor.report(version, intervals, self.manager.trouble)


def _describe_input(active: LoadedModel) -> ModelInput:
    metadata = active.metadata
    code = series_feature(metadata)
    optional: dict[str, Any] = {}
    categories = {name: list(values) for name, values in metadata.categories.items() if name != code}
    if categories:
        optional["categories"] = categories
    if active.series.is_panel:
        optional["series"] = list(active.series.columns)
    if metadata.numbers_steps:
        optional["numbers_steps"] = True
    return ModelInput(
        features=[name for name in metadata.features if name != code],
        rows=metadata.input_rows,
        step_seconds=metadata.step,
        step=metadata.grid.step.describe(),
        lead=metadata.lead,
        horizon=metadata.horizon,
        targets=list(metadata.targets),
        unit=metadata.unit,
        quantile_levels=list(metadata.quantile_levels or ()),
        members=list(metadata.members),
        **optional,
    )
