"""Micro-batching: windows that arrive while a batch is computed are combined into the next one."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.predictor import Predictor

FIRST_SECONDS = 0.05  # assumed for a window before any has been measured


class QueueFull(Exception):
    """Too many windows are waiting already.

    Args:
        retry_seconds: Whole seconds after which there should be room.
    """

    def __init__(self, retry_seconds: int):
        super().__init__(f"wait {retry_seconds} s")
        self.retry_seconds = retry_seconds


class _Request:
    """The windows of one request, and how many of them are done."""

    def __init__(
        self,
        predictor: Predictor,
        past: np.ndarray,
        series: Sequence[ModelMetadata],
        result: "asyncio.Future[Forecasts]",
    ):
        self.predictor, self.past, self.series, self.result = predictor, past, series, result
        self.started = 0  # windows that a batch has taken
        self.parts: list[Forecasts] = []

    @property
    def remaining(self) -> int:
        """Windows that no batch has taken yet."""
        return len(self.past) - self.started


class Batcher:
    """Computes windows of many requests in common batches, one batch at a time, in a thread of its own.

    The first window starts at once, and those that arrive meanwhile form the next batch. A request of many windows
    gets one batch after the other and queues again each time, so that single windows pass it.

    Args:
        max_batch: Windows in a batch.
        queue: Windows that may wait.
        on_batch: Called with the size of each batch and its seconds.

    Example:
        ::

            batcher = Batcher(max_batch=32, queue=512, on_batch=telemetry.batch)
            batcher.start()
            forecasts = await batcher.forecast(predictor, past)
    """

    def __init__(self, *, max_batch: int, queue: int, on_batch: Callable[[int, float], None]):
        self.max_batch, self.queue, self.on_batch = max_batch, queue, on_batch
        self.waiting = 0
        self._requests: deque[_Request] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="forecast")
        self._seconds = FIRST_SECONDS  # per window, a moving mean, for Retry-After
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to work, in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Stop after the current batch; requests that are still waiting are canceled."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for request in self._requests:
            request.result.cancel()
        self._thread.shutdown()

    async def forecast(
        self, predictor: Predictor, past: np.ndarray, series: Sequence[ModelMetadata] = ()
    ) -> Forecasts:
        """Return the forecasts of scaled windows ``[n, L, C]``.

        Args:
            predictor: Computes them, whichever predictor is the newest by then.
            past: The windows.
            series: Metadata of the series of each window, for a model of many series.

        Raises:
            QueueFull: More windows would be waiting than may.
        """
        if self.waiting + len(past) > self.queue:
            raise QueueFull(max(1, math.ceil(self.waiting * self._seconds)))
        request = _Request(predictor, past, series, asyncio.get_running_loop().create_future())
        self.waiting += len(past)
        self._requests.append(request)
        self._arrived.set()
        return await request.result

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            pieces = self._take_batch()
            if not pieces:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            began = time.perf_counter()
            past = np.concatenate([request.past[rows] for request, rows in pieces])
            series = [item for request, rows in pieces for item in request.series[rows]]
            arguments = (past, series) if series else (past,)
            try:
                forecasts = await loop.run_in_executor(self._thread, pieces[0][0].predictor, *arguments)
            except Exception as error:  # whatever it is, these requests fail with it and the next ones do not
                _fail(pieces, error)
                continue
            seconds = time.perf_counter() - began
            self._seconds += 0.1 * (seconds / len(past) - self._seconds)
            self.on_batch(len(past), seconds)
            _distribute(pieces, forecasts)

    def _take_batch(self) -> list[tuple[_Request, slice]]:
        """Return the next batch: rows of requests that have the same predictor."""
        pieces: list[tuple[_Request, slice]] = []
        room, others = self.max_batch, deque[_Request]()
        while self._requests and room:
            request = self._requests.popleft()
            if request.result.done():  # its client has given up
                self.waiting -= request.remaining
            elif pieces and request.predictor is not pieces[0][0].predictor:
                others.append(request)
            else:
                count = min(room, request.remaining)
                pieces.append((request, slice(request.started, request.started + count)))
                request.started += count
                room -= count
                self.waiting -= count
        unfinished = [request for request, _ in pieces if request.remaining]
        self._requests.extendleft(reversed(others))
        self._requests.extend(unfinished)
        return pieces


def _distribute(pieces: list[tuple[_Request, slice]], forecasts: Forecasts) -> None:
    first = 0
    for request, rows in pieces:
        count = rows.stop - rows.start
        request.parts.append(forecasts.select(slice(first, first + count)))
        first += count
        if not request.remaining and not request.result.done():
            request.result.set_result(Forecasts.concatenate(request.parts))


def _fail(pieces: list[tuple[_Request, slice]], error: Exception) -> None:
    for request, _ in pieces:
        if not request.result.done():
            request.result.set_exception(error)
