"""What the HTTP routes call: forecasts, truths, models, and what the live page shows."""

import asyncio
import json
from pathlib import Path

from tsforecast.files import write_bytes
from tsforecast.serving import requests
from tsforecast.serving.batching import Batcher
from tsforecast.serving.live_store import LiveStore, Point
from tsforecast.serving.model_manager import LoadedModel, ModelManager
from tsforecast.serving.monitoring import REPORT_SECONDS, ServiceMonitor
from tsforecast.serving.responses import (
    ARROW,
    ForecastResult,
    IntervalSummary,
    LiveResponse,
    ModelInput,
    ModelsResponse,
    ObserveResponse,
)
from tsforecast.serving.telemetry import Telemetry

LARGE_BODY = (
    65_536  # bytes above which a body is read in a thread, so that other requests are answered meanwhile
)
SAVE_SECONDS = 30
MAX_ROWS = 10_000  # of one request to observe
MANIFEST_KEYS = ("created", "model", "params", "metrics", "skill", "data", "window", "unit", "lineage")


class NotReady(Exception):
    """No model is in service yet."""


class Service:
    """One model in service, the forecasts that it made, and how they turned out.

    Args:
        manager: Holds the model.
        telemetry: Counters and gauges.
        max_batch: Windows in a batch.
        queue: Windows that may wait.
        max_windows: Windows in one request.
        keep: Forecast values that the live page remembers.

    Example:
        ::

            service = Service(manager, Telemetry(), max_batch=32, queue=512, max_windows=256, keep=5000)
            await service.start()
            result = await service.forecast(body, "application/json")
    """

    def __init__(
        self,
        manager: ModelManager,
        telemetry: Telemetry,
        *,
        max_batch: int,
        queue: int,
        max_windows: int,
        keep: int,
    ):
        self.manager, self.telemetry, self.max_windows = manager, telemetry, max_windows
        self.batcher = Batcher(max_batch=max_batch, queue=queue, on_batch=telemetry.batch)
        self.store = LiveStore(keep)
        self._monitor = ServiceMonitor(telemetry)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start to serve, in the running event loop."""
        self._restore()
        self.batcher.start()
        self.manager.start()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._save_regularly()), loop.create_task(self._report_regularly())]

    async def stop(self) -> None:
        """Stop, and save what was learned."""
        for task in self._tasks:
            task.cancel()
        await self.batcher.stop()
        await asyncio.to_thread(self.manager.stop)
        self._save()
        self._report()

    def active(self) -> LoadedModel:
        """Return the model in service.

        Raises:
            NotReady: There is none yet.
        """
        if self.manager.active is None:
            raise NotReady(self.manager.trouble or "The champion is being loaded.")
        return self.manager.active

    async def forecast(self, body: bytes, content_type: str) -> ForecastResult:
        """Return the forecasts of a request's windows.

        Args:
            body: Body of the request.
            content_type: JSON or Arrow.

        Raises:
            UserError: The request is wrong.
            QueueFull: Too many windows are waiting.
            NotReady: There is no model yet.
        """
        active = self.active()
        read = requests.from_arrow if content_type == ARROW else requests.from_json
        if len(body) > LARGE_BODY:
            batch = await asyncio.to_thread(read, body, active.metadata, self.max_windows)
        else:
            batch = read(body, active.metadata, self.max_windows)
        forecasts = await self.batcher.forecast(active.predictor, batch.past)
        lower, upper = active.intervals.bounds(forecasts.low, forecasts.high)
        alarms = self.store.add(active, batch.made_at, batch.last, forecasts, lower, upper)
        self.telemetry.alarms.inc(alarms)
        if active.ensemble is not None and forecasts.members is not None and forecasts.weights is not None:
            active.ensemble.add_forecasts(batch.made_at, forecasts.members, forecasts.weights)
        return ForecastResult(active, batch.made_at, forecasts, lower, upper, batch.notes)

    def observe(self, body: bytes) -> ObserveResponse:
        """Add truths; the intervals learn from them.

        Args:
            body: Body of the request, see ``requests.ObserveRequest``.

        Raises:
            UserError: The request is wrong; nothing of it has been added then.
            NotReady: There is no model yet.
        """
        active = self.active()
        count, truths = requests.read_truths(body, active.metadata, MAX_ROWS)
        matched = []
        for truth in truths:
            is_new = (truth.time, truth.target) not in self.store.truths
            matched += self.store.observe(*truth)
            if is_new and active.ensemble is not None:
                active.ensemble.observe(*truth)
        for point in sorted(matched, key=lambda point: (point.time, point.step)):
            self._learn(active, point)
        return ObserveResponse(
            rows=count, matched=len(matched), intervals=IntervalSummary(**active.intervals.summary())
        )

    def live(self) -> LiveResponse:
        """Return what the live page shows."""
        active = self.active()
        metadata = active.metadata
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
            intervals=IntervalSummary(**active.intervals.summary()),
            timezone=metadata.clock.timezone if metadata.clock.is_utc else "",
            trouble=self.manager.trouble,
            **self.store.snapshot(),
        )

    def models(self) -> ModelsResponse:
        """Return all versions, and the inputs and outputs of the one in service."""
        registry, active = self.manager.registry, self.manager.active
        return ModelsResponse(
            champion=registry.champion_name(),
            serving=active.version.name if active else None,
            trouble=self.manager.trouble,
            input=_describe_input(active) if active else None,
            models=[
                {"version": version.name, **{key: version.manifest.get(key) for key in MANIFEST_KEYS}}
                for version in registry.versions()
            ],
        )

    def metrics(self) -> bytes:
        """Return the page for Prometheus."""
        active = self.manager.active
        return self.telemetry.text(
            self.batcher.waiting,
            active.version.name if active else None,
            active.intervals.summary() if active else None,
        )

    def _learn(self, active: LoadedModel, point: Point) -> None:
        self.telemetry.truths.inc()
        if point.truth is None:
            return
        self.telemetry.absolute_error.inc(abs(point.forecast - point.truth))
        if point.version == active.version.name:
            active.intervals.update_one(
                point.step,
                point.target,
                band=(point.low, point.high),
                interval=(point.lower, point.upper),
                truth=point.truth,
            )

    def _promotion_time(self, name: str) -> str | None:
        times = [move["at"] for move in self.manager.registry.moves() if move["version"] == name]
        return times[-1] if times else None

    @property
    def _file(self) -> Path:
        return self.manager.registry.path / "live" / "record.json"

    def _restore(self) -> None:
        if self._file.is_file():
            self.store.restore(json.loads(self._file.read_text()))

    def _save(self) -> None:
        if self.store.points:
            self._file.parent.mkdir(exist_ok=True)
            write_bytes(self._file, json.dumps(self.store.to_json()).encode())

    async def _save_regularly(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            self.manager.save()
            self._save()

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
    categories = {name: list(values) for name, values in metadata.categories.items()}
    return ModelInput(
        features=list(metadata.features),
        rows=metadata.input_rows,
        step_seconds=metadata.step,
        step=metadata.grid.step.describe(),
        lead=metadata.lead,
        horizon=metadata.horizon,
        targets=list(metadata.targets),
        unit=metadata.unit,
        quantile_levels=list(metadata.quantile_levels or ()),
        members=list(metadata.members),
        **({"categories": categories} if categories else {}),
    )
