"""Events of the service for whoever listens: one bus, read as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

MAX_LISTENERS = 64
MAX_WAITING = 1_000  # events of a listener that reads too slowly; the oldest are dropped
HEARTBEAT_SECONDS = 15.0
END = b""


class TooManyListeners(Exception):
    """No further listener is accepted."""


class EventBus:
    r"""Passes each event to all listeners, in the event loop's thread.

    Example:
        >>> async def listen():
        ...     bus = EventBus()
        ...     events = bus.listen()
        ...     _ = asyncio.get_running_loop().call_soon(bus.publish, "forecast", {"version": "v0001"})
        ...     return [await anext(events), await anext(events)]
        >>> asyncio.run(listen())
        [b': connected\n\n', b'event: forecast\ndata: {"version": "v0001"}\n\n']
    """

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[bytes]] = set()
        self._is_closed = False

    @property
    def has_listeners(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def publish(self, kind: str, content: dict[str, Any] | str) -> None:
        """Pass an event to all listeners.

        Args:
            kind: Its kind, such as ``forecast`` or ``alarm``.
            content: Its content, or that as JSON of one line.
        """
        if not self._listeners:
            return
        text = content if isinstance(content, str) else json.dumps(content)
        event = f"event: {kind}\ndata: {text}\n\n".encode()
        for queue in self._listeners:
            _put(queue, event)

    def check(self) -> None:
        """Refuse a further listener if there are too many.

        Raises:
            TooManyListeners: There are.
        """
        if len(self._listeners) >= MAX_LISTENERS:
            raise TooManyListeners(f"{MAX_LISTENERS} clients listen already: close one of them.")

    def close(self) -> None:
        """End all streams, so that a service that is being stopped need not wait for its listeners."""
        self._is_closed = True
        for queue in list(self._listeners):
            _put(queue, END)

    async def listen(self, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> AsyncIterator[bytes]:
        """Yield server-sent events until the client goes; a comment when nothing happens for a while.

        Args:
            heartbeat_seconds: Seconds without an event after which a comment is sent.
        """
        queue: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING)
        self._listeners.add(queue)
        try:
            yield b": connected\n\n"
            while not self._is_closed or queue.qsize():
                try:
                    event = await asyncio.wait_for(queue.get(), heartbeat_seconds)
                except asyncio.TimeoutError:
                    event = b": still here\n\n"
                if event == END:
                    return
                yield event
        finally:
            self._listeners.discard(queue)


def _put(queue: asyncio.Queue[bytes], event: bytes) -> None:
    """Add an event for a listener, in place of the oldest one if too many wait."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(event)
