"""New rows: stored, scored against earlier forecasts, and forecast from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tsforecast.errors import UserError
from tsforecast.feeds.batch import Arrivals, Record
from tsforecast.feeds.records import decode_rows
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.journal.database import read_journal, state_key
from tsforecast.journal.writer import Statement
from tsforecast.serving.arrivals import RowReader, plain_messages
from tsforecast.serving.hooks import AcceptedRow
from tsforecast.serving.look_back import Update
from tsforecast.serving.look_backs import LookBacks, SeriesWindows
from tsforecast.serving.requests import WindowBatch
from tsforecast.serving.responses import ForecastResult, IntervalSummary, RowsResponse
from tsforecast.serving.row_records import MADE, STORE_LEVEL, STORE_META, insert_rows, load_look_backs
from tsforecast.serving.series_names import split_records
from tsforecast.tables.streaming import Rows

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
        self._look_backs: dict[str, LookBacks] = {}

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
            look_backs = await self._look_backs_of(active)
            groups = split_records(arrivals.records, active.series.columns)
            matched, again = self._accept(arrivals.records, groups, active, look_backs, more)
            if shadow is not None and groups:
                batch = await self._shadow_batch(groups, shadow)
                if batch is not None:
                    service.start_task(service.forecast_by_shadow(shadow, batch))
            windows = look_backs.windows(service.max_windows, again, groups if groups else None)
            results = await self._forecast(active, look_backs, windows)
        await service.learner.journal.committed()
        notes = (*arrivals.notes, *self._notes(look_backs, groups, windows))
        return _response(active, len(arrivals.records), matched, results, notes)

    def _accept(
        self,
        records: Sequence[Record],
        groups: Mapping[str, Sequence[Record]],
        active: LoadedModel,
        look_backs: LookBacks,
        more: Sequence[Statement],
    ) -> tuple[int, list[str]]:
        """Store rows and learn from them; return how many forecast values they matched, and the series of which one
        repeats the row of the newest forecast.
        """
        service, learner = self._service, self._service.learner
        if not records:
            learner.journal.put(more)
            return 0, []
        rows = {name: decode_rows(group, active.metadata) for name, group in groups.items()}
        with plain_messages():
            updates, started = look_backs.add(rows)
        first = learner.next_id("rows", len(records))
        statements = [
            *more,
            *insert_rows(records, first, learner.now(), active.metadata),
            *start_series(active, started),
        ]
        truths = [truth for update in updates.values() for truth in update.truths]
        names = [name for name, update in updates.items() for _ in update.truths if name]
        observation = service.add_truths(active, truths, statements, names)
        if service.watchers:
            for name, group in rows.items():
                self._call_watchers(name, group, active)
        service.telemetry.rows.inc(len(records))
        return len(observation.matched), _repeated(look_backs, updates)

    def _call_watchers(self, series: str, rows: Rows, active: LoadedModel) -> None:
        times = active.metadata.clock.to_grid(rows.time).astype("datetime64[s]").astype(np.int64).tolist()
        for index, time in enumerate(times):
            values = {name: float(column[index]) for name, column in rows.columns.items()}
            self._service.call_watchers(AcceptedRow(time, values, series))

    async def _forecast(
        self, model: LoadedModel, look_backs: LookBacks, windows: Sequence[SeriesWindows]
    ) -> list[ForecastResult]:
        """Forecast windows that have not been forecast yet, as many at once as a request may have."""
        results = []
        for part in _parts(windows, self._service.max_windows):
            more = [
                (STORE_META, (state_key(MADE, item.name), str(int(item.batch.made_at[-1].astype(np.int64)))))
                for item in part
            ]
            batch = WindowBatch.join([look_backs.label(item) for item in part])
            results.append(await self._service.forecast_batch(model, batch, more=more))
            look_backs.note_made(part)
        return results

    async def _shadow_batch(
        self, groups: Mapping[str, Sequence[Record]], shadow: LoadedModel
    ) -> WindowBatch | None:
        """Return the windows that rows give the shadow; None if they give none."""
        try:
            look_backs, again = self._look_backs.get(shadow.name), list[str]()
            if look_backs is None:
                look_backs = await self._look_backs_of(shadow)  # the journal has the rows of this request
            else:
                rows = {name: decode_rows(group, shadow.metadata) for name, group in groups.items()}
                updates, started = look_backs.add(rows)
                self._service.learner.journal.put(start_series(shadow, started))
                again = _repeated(look_backs, updates)
        except UserError:
            self._service.telemetry.shadow_skipped.inc()
            return None
        windows = look_backs.windows(self._service.max_windows, again)
        look_backs.note_made(windows)
        return WindowBatch.join([look_backs.label(item) for item in windows]) if windows else None

    async def _look_backs_of(self, model: LoadedModel) -> LookBacks:
        """Return the look-backs of a version, from the journal if the version is new in service."""
        if model.name not in self._look_backs:
            self._look_backs[model.name] = await asyncio.to_thread(self._load, model)
            served = (self._service.manager.active, self._service.manager.shadow, model)
            names = {version.name for version in served if version is not None}
            self._look_backs = {name: item for name, item in self._look_backs.items() if name in names}
        return self._look_backs[model.name]

    def _load(self, model: LoadedModel) -> LookBacks:
        learner = self._service.learner
        learner.journal.flush()
        with closing(read_journal(learner.path)) as connection:
            look_backs, started = load_look_backs(connection, model.series)
        learner.journal.put(start_series(model, started))
        return look_backs

    def reader(self) -> RowReader:
        """Return what reads the rows of requests and feeds.

        Raises:
            NotReady: There is no model yet.
        """
        active = self._service.active()
        shadow, look_backs = self._service.manager.shadow, self._look_backs.get(active.name)
        return RowReader(
            active.metadata,
            more=() if shadow is None else shadow.metadata.all_features,
            newest=None if look_backs is None else look_backs.newest_time,
        )

    def _notes(
        self, look_backs: LookBacks, groups: Iterable[str], windows: Sequence[SeriesWindows]
    ) -> tuple[str, ...]:
        """Say how many rows the first forecast still needs, of the first series that lacks some."""
        done = {item.name for item in windows}
        names = list(groups) if look_backs.book.is_panel else [""]
        missing = {name: look_backs.missing_rows(name) for name in names if name not in done}
        short = [name for name, count in missing.items() if count]
        if not short:
            return ()
        count = missing[short[0]]
        more = "" if len(short) == 1 else f" ({len(short) - 1:,} more series need some, too)"
        of = f" of '{short[0]}'" if short[0] else ""
        return (
            f"{count:,} more row{' is' if count == 1 else 's are'} needed before the first forecast{of}{more}: a window"
            f" has {look_backs.book.metadata.input_rows:,}, without a long gap.",
        )


async def read_large_aside(read: Callable[..., Content], body: bytes, *more: object) -> Content:
    """Return what ``read`` makes of a body and further arguments; a large body is read in a thread."""
    if len(body) > LARGE_BODY:
        return await asyncio.to_thread(read, body, *more)
    return read(body, *more)


def _parts(windows: Sequence[SeriesWindows], most: int) -> Iterator[list[SeriesWindows]]:
    """Yield the windows of as many series at once as have at most so many together."""
    part, count = list[SeriesWindows](), 0
    for item in windows:
        if part and count + len(item.positions) > most:
            yield part
            part, count = [], 0
        part.append(item)
        count += len(item.positions)
    if part:
        yield part


def _repeated(look_backs: LookBacks, updates: Mapping[str, Update]) -> list[str]:
    """Return the series of which a row repeats that of the newest forecast."""
    names = []
    for name, update in updates.items():
        look_back = look_backs.of(name)
        if look_back is not None and look_back.made is not None and look_back.made in update.positions:
            names.append(name)
    return names


def start_series(model: LoadedModel, started: Mapping[str, ModelMetadata]) -> list[Statement]:
    """Keep the levels of series that have their first window; return the statements that store them."""
    levels = {name: model.series.start(name, series) for name, series in started.items()}
    return [(STORE_LEVEL, (model.name, name, level)) for name, level in levels.items() if level is not None]


def _response(
    model: LoadedModel, count: int, matched: int, results: Sequence[ForecastResult], notes: tuple[str, ...]
) -> RowsResponse:
    forecasts = [forecast for result in results for forecast in result.to_response().forecasts]
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
