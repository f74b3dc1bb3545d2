"""New rows: stored, scored against earlier forecasts, and forecast from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tsforecast.errors import UserError
from tsforecast.feeds.batch import Arrivals, Record
from tsforecast.feeds.records import decode_rows
from tsforecast.journal.database import read_journal
from tsforecast.journal.writer import Statement
from tsforecast.serving.arrivals import RowReader, plain_messages
from tsforecast.serving.hooks import AcceptedRow
from tsforecast.serving.look_back import LookBack
from tsforecast.serving.requests import WindowBatch
from tsforecast.serving.responses import ForecastResult, IntervalSummary, RowsResponse
from tsforecast.serving.row_records import MADE, STORE_META, insert_rows, load_look_back

if TYPE_CHECKING:
    from tsforecast.serving.model_manager import LoadedModel
    from tsforecast.serving.service import Service

LARGE_BODY = (
    65_536  # bytes above which a body is read in a thread, so that other requests are answered meanwhile
)
Content = TypeVar("Content")


class RowIntake:
    """Takes rows in, one request after the other, and keeps the look-back of each version in service.

    Args:
        service: The service that forecasts and stores.
    """

    def __init__(self, service: Service):
        self._service = service
        self._lock = asyncio.Lock()
        self._look_backs: dict[str, LookBack] = {}

    async def add_body(self, body: bytes, content_type: str) -> RowsResponse:
        """Add the rows of a request; see ``add``.

        Args:
            body: Body of the request.
            content_type: JSON, an Arrow stream or CSV.

        Raises:
            UserError: The request is wrong; nothing of it has been added then.
        """
        return await self.add(await read_large_aside(self.reader().read_body, body, content_type))

    async def add(self, arrivals: Arrivals, more: Sequence[Statement] = ()) -> RowsResponse:
        """Store rows, score earlier forecasts with them, and return the forecasts that they allow.

        Args:
            arrivals: The rows; without any, only forecasts that are still missing are made.
            more: Further records of the same change, such as the position of a feed.

        Raises:
            UserError: A row does not fit the model; nothing has been added then.
            QueueFull: Too many windows are waiting. The rows are stored, and sending them again gives the forecasts.
            NotReady: There is no model yet.
            NotStored: The disk fails.
        """
        service = self._service
        async with self._lock:
            active, shadow = service.active(), service.shadow()
            service.learner.journal.check()
            look_back = await self._look_back(active)
            matched, again = self._accept(arrivals.records, active, look_back, more)
            batch = None
            if shadow is not None and arrivals.records:
                batch = await self._shadow_batch(arrivals.records, shadow)
            if shadow is not None and batch is not None:
                service.start_task(service.forecast_by_shadow(shadow, batch))
            result = await self._forecast(active, look_back, again)
        await service.learner.journal.committed()
        notes = (*arrivals.notes, *self._notes(look_back, result))
        return _response(active, len(arrivals.records), matched, result, notes)

    def _accept(
        self,
        records: Sequence[Record],
        active: LoadedModel,
        look_back: LookBack,
        more: Sequence[Statement],
    ) -> tuple[int, bool]:
        """Store rows and learn from them; return how many forecast values they matched, and whether one repeats the
        row of the newest forecast.
        """
        service, learner = self._service, self._service.learner
        if not records:
            learner.journal.put(more)
            return 0, False
        rows = decode_rows(records, active.metadata)
        with plain_messages():
            update = look_back.add(rows)
        first = learner.next_id("rows", len(records))
        statements = [*more, *insert_rows(records, first, learner.now(), active.metadata)]
        observation = service.add_truths(active, update.truths, statements)
        if service.watchers:
            times = active.metadata.clock.to_grid(rows.time).astype("datetime64[s]").astype(np.int64).tolist()
            for index, time in enumerate(times):
                values = {name: float(column[index]) for name, column in rows.columns.items()}
                service.call_watchers(AcceptedRow(time, values))
        service.telemetry.rows.inc(len(records))
        made = look_back.made
        return len(observation.matched), made is not None and made in update.positions

    async def _forecast(self, model: LoadedModel, look_back: LookBack, again: bool) -> ForecastResult | None:
        """Forecast the windows of a look-back that have not been forecast yet; None if there is none."""
        batch, positions = look_back.windows(self._service.max_windows, again)
        if not len(positions):
            return None
        made_at = int(batch.made_at[-1].astype(np.int64))
        more = [(STORE_META, (MADE, str(made_at)))]
        result = await self._service.forecast_batch(model, batch, more=more)
        look_back.made = int(positions[-1])
        return result

    async def _shadow_batch(self, records: Sequence[Record], shadow: LoadedModel) -> WindowBatch | None:
        """Return the windows that rows give the shadow; None if they give none."""
        try:
            look_back, changed = self._look_backs.get(shadow.name), list[int]()
            if look_back is None:
                look_back = await self._look_back(shadow)  # the journal has the rows of this request
            else:
                changed = look_back.add(decode_rows(records, shadow.metadata)).positions.tolist()
        except UserError:
            self._service.telemetry.shadow_skipped.inc()
            return None
        batch, positions = look_back.windows(self._service.max_windows, look_back.made in changed)
        if not len(positions):
            return None
        look_back.made = int(positions[-1])
        return batch

    async def _look_back(self, model: LoadedModel) -> LookBack:
        """Return the look-back of a version, from the journal if the version is new in service."""
        if model.name not in self._look_backs:
            self._look_backs[model.name] = await asyncio.to_thread(self._load, model)
            served = (self._service.manager.active, self._service.manager.shadow, model)
            names = {version.name for version in served if version is not None}
            self._look_backs = {name: item for name, item in self._look_backs.items() if name in names}
        return self._look_backs[model.name]

    def _load(self, model: LoadedModel) -> LookBack:
        learner = self._service.learner
        learner.journal.flush()
        with closing(read_journal(learner.path)) as connection:
            return load_look_back(connection, model.metadata)

    def reader(self) -> RowReader:
        """Return what reads the rows of requests and feeds.

        Raises:
            NotReady: There is no model yet.
        """
        active = self._service.active()
        shadow, look_back = self._service.manager.shadow, self._look_backs.get(active.name)
        return RowReader(
            active.metadata,
            more=() if shadow is None else shadow.metadata.all_features,
            newest=None if look_back is None else look_back.newest_time,
        )

    def _notes(self, look_back: LookBack, result: ForecastResult | None) -> tuple[str, ...]:
        missing = look_back.missing_rows() if result is None else 0
        if not missing:
            return ()
        return (
            f"{missing:,} more row{' is' if missing == 1 else 's are'} needed before the first forecast: a window has"
            f" {look_back.metadata.input_rows:,}, without a long gap.",
        )


async def read_large_aside(read: Callable[..., Content], body: bytes, *more: object) -> Content:
    """Return what ``read`` makes of a body and further arguments; a large body is read in a thread."""
    if len(body) > LARGE_BODY:
        return await asyncio.to_thread(read, body, *more)
    return read(body, *more)


def _response(
    model: LoadedModel, count: int, matched: int, result: ForecastResult | None, notes: tuple[str, ...]
) -> RowsResponse:
    forecasts = [] if result is None else result.to_response().forecasts
    metadata = model.metadata
    return RowsResponse(
        rows=count,
        matched=matched,
        intervals=IntervalSummary(**model.intervals.summary()),
        version=model.name,
        unit=metadata.unit,
        targets=list(metadata.targets),
        coverage=model.intervals.coverage,
        forecasts=forecasts,
        **({"notes": list(notes)} if notes else {}),
    )
