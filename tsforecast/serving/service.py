"""What the HTTP routes call: forecasts, truths, and what the live page shows."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np

from tsforecast.errors import UserError, nearest
from tsforecast.files import write_bytes
from tsforecast.serving import requests
from tsforecast.serving.batching import Batcher
from tsforecast.serving.live_store import LiveStore, Point
from tsforecast.serving.model_manager import LoadedModel, ModelManager
from tsforecast.serving.responses import ARROW, Answer
from tsforecast.serving.telemetry import Telemetry

LARGE_BODY = 65_536  # bytes from which on reading is left to a thread, so that others are answered meanwhile
SAVE_SECONDS = 30
MAX_ROWS = 10_000  # of one request to observe


class NotReady(Exception):
    """No model is in service yet."""


class Service:
    """One model in service, the forecasts that it made and how they turned out.

    Args:
        engine: holds the model.
        telemetry: counts.
        max_batch: windows in a batch.
        queue: windows that may wait.
        max_windows: in one request.
        keep: forecast values that the live page remembers.
    """

    def __init__(
        self,
        engine: ModelManager,
        telemetry: Telemetry,
        *,
        max_batch: int,
        queue: int,
        max_windows: int,
        keep: int,
    ):
        self.engine, self.telemetry, self.max_windows = engine, telemetry, max_windows
        self.batcher = Batcher(max_batch=max_batch, queue=queue, watch=telemetry.batch)
        self.record = LiveStore(keep)
        self._saver: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to serve, in the running event loop."""
        self._restore()
        self.batcher.start()
        self.engine.start()
        self._saver = asyncio.get_running_loop().create_task(self._save_now_and_then())

    async def stop(self) -> None:
        """Ends, and keeps what was learned."""
        if self._saver is not None:
            self._saver.cancel()
        await self.batcher.stop()
        await asyncio.to_thread(self.engine.stop)
        self._save()

    def active(self) -> LoadedModel:
        """The version in service.

        Raises:
            NotReady: none is, yet.
        """
        if self.engine.active is None:
            raise NotReady(self.engine.trouble or "The champion is being loaded.")
        return self.engine.active

    async def forecast(self, body: bytes, kind: str) -> Answer:
        """The forecasts of a request's windows.

        Args:
            body: of the request.
            kind: its media type, JSON or Arrow.

        Raises:
            UserError: the request is wrong.
            QueueFull: too many windows wait.
            NotReady: there is no model yet.
        """
        active = self.active()
        read = requests.from_arrow if kind == ARROW else requests.from_json
        if len(body) > LARGE_BODY:
            asked = await asyncio.to_thread(read, body, active.metadata, self.max_windows)
        else:
            asked = read(body, active.metadata, self.max_windows)
        found = await self.batcher.forecast(active.predictor, asked.past)
        lower, upper = active.intervals.around(found.low, found.high)
        alarms = self.record.forecast(active, asked.made_at, asked.last, found, lower, upper)
        self.telemetry.alarms.inc(alarms)
        if active.following is not None and found.members is not None and found.weights is not None:
            active.following.add_forecasts(asked.made_at, found.members, found.weights)
        return Answer(active, asked.made_at, found, lower, upper)

    def observe(self, body: bytes) -> dict[str, Any]:
        """Takes truths, ``{"rows": [{"time": ..., "values": {target: number}}, ...]}``; the intervals learn from them.

        Raises:
            UserError: the request is wrong; nothing of it has been taken then.
            NotReady: there is no model yet.
        """
        active = self.active()
        request = requests.json_object(body, {"rows"})
        truths = []
        for number, row in enumerate(requests.a_list(request, "rows", MAX_ROWS)):
            truths += _truths(row, f"rows[{number}]", active)
        matched = []
        for truth in truths:
            is_new = truth[:2] not in self.record.truths
            matched += self.record.observe(*truth)
            if is_new and active.following is not None:
                active.following.observe(*truth)
        for point in sorted(matched, key=lambda point: (point.time, point.step)):
            self._learn(active, point)
        return {
            "rows": len(request["rows"]),
            "matched": len(matched),
            "intervals": active.intervals.summary(),
        }

    def live(self) -> dict[str, Any]:
        """What the live page shows."""
        active = self.active()
        metadata = active.metadata
        return {
            "version": active.version.name,
            "model": str(active.version.manifest.get("model", "")),
            "promoted": self._promoted(active.version.name),
            "unit": metadata.unit,
            "targets": list(metadata.targets),
            "step_seconds": metadata.step,
            "lead": metadata.lead,
            "horizon": metadata.horizon,
            "members": list(metadata.members),
            "intervals": active.intervals.summary(),
            "trouble": self.engine.trouble,
            **self.record.snapshot(),
        }

    def models(self) -> dict[str, Any]:
        """All versions, and what the one in service wants and gives."""
        told = ("created", "model", "params", "metrics", "skill", "data", "window", "unit", "lineage")
        registry, active = self.engine.registry, self.engine.active
        return {
            "champion": registry.champion_name(),
            "serving": active.version.name if active else None,
            "trouble": self.engine.trouble,
            "input": _input(active) if active else None,
            "models": [
                {"version": version.name, **{key: version.manifest.get(key) for key in told}}
                for version in registry.versions()
            ],
        }

    def metrics(self) -> bytes:
        """The page for Prometheus."""
        active = self.engine.active
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
            active.intervals.learn(
                point.step,
                point.target,
                band=(point.low, point.high),
                given=(point.lower, point.upper),
                truth=point.truth,
            )

    def _promoted(self, name: str) -> str | None:
        moves = [move["at"] for move in self.engine.registry.moves() if move["version"] == name]
        return moves[-1] if moves else None

    @property
    def _file(self) -> Path:
        return self.engine.registry.path / "live" / "record.json"

    def _restore(self) -> None:
        if self._file.is_file():
            self.record.restore(json.loads(self._file.read_text()))

    def _save(self) -> None:
        if self.record.points:
            self._file.parent.mkdir(exist_ok=True)
            write_bytes(self._file, json.dumps(self.record.to_json()).encode())

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            self.engine.save()
            self._save()


def _input(active: LoadedModel) -> dict[str, Any]:
    metadata = active.metadata
    return {
        "features": list(metadata.features),
        "rows": metadata.rows_in,
        "step_seconds": metadata.step,
        "lead": metadata.lead,
        "horizon": metadata.horizon,
        "targets": list(metadata.targets),
        "unit": metadata.unit,
        "quantile_levels": list(metadata.quantile_levels or ()),
        "members": list(metadata.members),
    }


def _truths(row: Any, where: str, active: LoadedModel) -> list[tuple[int, int, float]]:
    """Time, target and value of each truth in a row; other features of the model may come along, and are not read."""
    metadata = active.metadata
    requests.check_keys(row, {"time", "values"}, where)
    time = int(requests.read_time(row.get("time"), f"{where}.time").astype(np.int64))
    values = row.get("values")
    if not isinstance(values, dict) or not values:
        raise UserError(f"{where}.values must be an object such as {{'{metadata.targets[0]}': 1.5}}.")
    found = []
    for name, value in values.items():
        if name not in metadata.known_names:
            raise UserError(
                f"{where}.values: unknown feature '{name[:80]}'.{nearest(name, metadata.known_names)} "
                f"The targets are {', '.join(metadata.targets)}."
            )
        if not requests.is_number(value) or not np.isfinite(_as_float(value)):
            raise UserError(f"{where}.values.{name} is no finite number: leave out what was not observed.")
        if name in metadata.targets:
            found.append((time, metadata.targets.index(name), float(value)))
    return found


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")
