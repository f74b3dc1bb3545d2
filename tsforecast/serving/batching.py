"""Micro-batching: windows that arrive while a batch is forecast go together into the next one."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.predictor import Predictor


class QueueFull(Exception):
    """Too many windows wait already.

    Args:
        retry_seconds: whole seconds after which there should be room.
    """

    def __init__(self, retry_seconds: int):
        super().__init__(f"wait {retry_seconds} s")
        self.retry_seconds = retry_seconds


class _Item:
    """The windows of one request, and how far they are."""

    def __init__(self, predictor: Predictor, past: np.ndarray, done: "asyncio.Future[Forecasts]"):
        self.predictor, self.past, self.done = predictor, past, done
        self.taken = 0
        self.parts: list[Forecasts] = []

    @property
    def left(self) -> int:
        """Windows that no batch has taken yet."""
        return len(self.past) - self.taken


class Batcher:
    """Forecasts windows of many requests in common batches, one batch at a time, in a thread of its own.

    Nothing waits for company: the first window goes at once, and those that arrive meanwhile go together. A request
    of many windows gets one batch after the other, each time behind those who came after it, so that single windows
    pass it.

    Args:
        max_batch: windows in a batch.
        queue: windows that may wait.
        watch: called with the size of each batch and its seconds.
    """

    def __init__(self, *, max_batch: int, queue: int, watch: Callable[[int, float], None]):
        self.max_batch, self.queue, self.watch = max_batch, queue, watch
        self.waiting = 0
        self._items: deque[_Item] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="forecast")
        self._seconds = 0.05  # of a window, a moving mean, for Retry-After
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to work, in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Ends after the batch in hand; what waits still is cancelled."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for item in self._items:
            item.done.cancel()
        self._thread.shutdown()

    async def forecast(self, predictor: Predictor, past: np.ndarray) -> Forecasts:
        """The forecasts of scaled windows ``[n, L, C]``, by this predictor, whichever is the newest by then.

        Raises:
            QueueFull: they would be more than may wait.
        """
        if self.waiting + len(past) > self.queue:
            raise QueueFull(max(1, math.ceil(self.waiting * self._seconds)))
        item = _Item(predictor, past, asyncio.get_running_loop().create_future())
        self.waiting += len(past)
        self._items.append(item)
        self._arrived.set()
        return await item.done

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            pieces = self._pieces()
            if not pieces:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            began = time.perf_counter()
            past = np.concatenate([item.past[rows] for item, rows in pieces])
            try:
                found = await loop.run_in_executor(self._thread, pieces[0][0].predictor, past)
            except Exception as error:  # whatever it is, these requests fail with it and the next ones do not
                self._fail(pieces, error)
                continue
            seconds = time.perf_counter() - began
            self._seconds += 0.1 * (seconds / len(past) - self._seconds)
            self.watch(len(past), seconds)
            self._hand_out(pieces, found)

    def _pieces(self) -> list[tuple[_Item, slice]]:
        """The next batch: rows of items that have the same predictor."""
        pieces: list[tuple[_Item, slice]] = []
        room, others = self.max_batch, deque[_Item]()
        while self._items and room:
            item = self._items.popleft()
            if item.done.done():  # given up by its request
                self.waiting -= item.left
            elif pieces and item.predictor is not pieces[0][0].predictor:
                others.append(item)
            else:
                count = min(room, item.left)
                pieces.append((item, slice(item.taken, item.taken + count)))
                item.taken += count
                room -= count
                self.waiting -= count
        unfinished = [item for item, _ in pieces if item.left]
        self._items.extendleft(reversed(others))
        self._items.extend(unfinished)
        return pieces

    def _hand_out(self, pieces: list[tuple[_Item, slice]], found: Forecasts) -> None:
        first = 0
        for item, rows in pieces:
            count = rows.stop - rows.start
            item.parts.append(found.select(slice(first, first + count)))
            first += count
            if not item.left and not item.done.done():
                item.done.set_result(Forecasts.concatenate(item.parts))

    def _fail(self, pieces: list[tuple[_Item, slice]], error: Exception) -> None:
        for item, _ in pieces:
            if not item.done.done():
                item.done.set_exception(error)
