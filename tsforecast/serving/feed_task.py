"""The task that passes the rows of a feed to the service, again and again until they are stored."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from tsforecast.errors import UserError
from tsforecast.feeds.batch import Arrivals, Batch, Feed, Record
from tsforecast.journal.database import read_journal
from tsforecast.journal.writer import NotStored, Statement
from tsforecast.serving.batching import QueueFull
from tsforecast.serving.row_records import STORE_META

if TYPE_CHECKING:
    from tsforecast.serving.service import Service

RETRY_SECONDS = 1.0
STORED = "SELECT 1 FROM rows WHERE time=? AND content=?"
MAX_SHOWN = 200  # characters of a problem


class FeedTask:
    """Follows a feed while the service runs.

    The position of the feed is stored in the same transaction as its rows. What cannot be read or does not fit the
    model is left out, counted in ``tsforecast_feed_problems_total`` and printed, each sentence once in a row.

    Args:
        service: The service.
        open_feed: Opens the feed at a position.
        name: Name of the feed, under which its position is stored.
        seconds: Seconds to wait when there is nothing new.
    """

    def __init__(self, service: Service, open_feed: Callable[[str | None], Feed], name: str, seconds: float):
        self._service, self._seconds = service, seconds
        self._key = f"feed {name}"
        self._feed = open_feed(service.learner.read_meta(self._key))
        self._problem = ""

    async def run(self) -> None:
        """Follow the feed until the task is canceled."""
        try:
            while True:
                batch = await self._poll()
                if batch is None:
                    await asyncio.sleep(self._seconds)
                    continue
                for problem in batch.problems:
                    self._report(problem)
                await self._deliver(batch)
                await asyncio.to_thread(self._feed.confirm, batch)
        finally:
            self._feed.close()

    async def _poll(self) -> Batch | None:
        if self._service.manager.active is None:
            return None
        try:
            return await asyncio.to_thread(self._feed.poll, self._service.rows.reader())
        except UserError as error:
            self._report(str(error))
            return None

    async def _deliver(self, batch: Batch) -> None:
        if batch.may_repeat:
            batch.records = await asyncio.to_thread(self._leave_out_stored, batch.records)
        position = [] if batch.position is None else [(STORE_META, (self._key, batch.position))]
        await self._add(batch.records, position)

    def _leave_out_stored(self, records: Sequence[Record]) -> list[Record]:
        """Return the rows that the journal does not have."""
        learner = self._service.learner
        learner.journal.flush()
        with closing(read_journal(learner.path)) as connection:
            return [record for record in records if not connection.execute(STORED, record).fetchone()]

    async def _add(self, records: Sequence[Record], more: Sequence[Statement]) -> None:
        """Add rows; one that does not fit the model is left out."""
        try:
            await self._add_all(records, more)
        except UserError as error:
            if len(records) < 2:
                self._report(f"A row was left out: {error}")
                self._service.learner.journal.put(more)
                return
            middle = len(records) // 2
            await self._add(records[:middle], ())
            await self._add(records[middle:], more)

    async def _add_all(self, records: Sequence[Record], more: Sequence[Statement]) -> None:
        while True:
            try:
                await self._service.rows.add(Arrivals(list(records)), more)
                return
            except QueueFull as error:  # the rows are stored, their forecasts are missing
                await asyncio.sleep(error.retry_seconds)
            except NotStored as error:  # the journal tries again by itself
                self._report(str(error))
                await asyncio.sleep(RETRY_SECONDS)
            records, more = (), ()

    def _report(self, problem: str) -> None:
        self._service.telemetry.feed_problems.inc()
        if problem != self._problem:
            where = "" if problem.startswith("serve.feed") else "serve.feed: "
            print(f"{where}{problem[:MAX_SHOWN]}", file=sys.stderr, flush=True)
        self._problem = problem
