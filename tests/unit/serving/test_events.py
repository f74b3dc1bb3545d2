"""The bus of events."""

import asyncio

import pytest

from tsforecast.serving import events
from tsforecast.serving.events import EventBus, TooManyListeners


def test_every_listener_gets_every_event_and_one_that_left_none():
    async def work():
        bus = EventBus()
        first, second = bus.listen(), bus.listen()
        assert await anext(first) == await anext(second) == b": connected\n\n"
        bus.publish("alarm", {"text": "two\nlines"})
        expected = b'event: alarm\ndata: {"text": "two\\nlines"}\n\n'
        assert await anext(first) == await anext(second) == expected
        await first.aclose()
        await second.aclose()
        assert not bus.has_listeners

    asyncio.run(work())


def test_a_slow_listener_loses_the_oldest_events(monkeypatch):
    monkeypatch.setattr(events, "MAX_WAITING", 2)

    async def work():
        bus = EventBus()
        listener = bus.listen()
        await anext(listener)
        for number in range(5):
            bus.publish("forecast", str(number))
        return [await anext(listener), await anext(listener)]

    assert asyncio.run(work()) == [b"event: forecast\ndata: 3\n\n", b"event: forecast\ndata: 4\n\n"]


def test_streams_end_when_the_bus_is_closed():
    async def work():
        bus = EventBus()
        events = bus.listen()
        await anext(events)
        bus.publish("forecast", "1")
        bus.close()
        return [event async for event in events]

    assert asyncio.run(work()) == [b"event: forecast\ndata: 1\n\n"]


def test_a_stream_that_begins_when_the_bus_is_closed_ends_at_once():
    async def work():
        bus = EventBus()
        bus.close()
        return [event async for event in bus.listen()]

    assert asyncio.run(work()) == [b": connected\n\n"]


def test_a_silent_stream_shows_that_it_lives():
    async def work():
        listener = EventBus().listen(heartbeat_seconds=0.01)
        return [await anext(listener), await anext(listener)]

    assert asyncio.run(work())[1] == b": still here\n\n"


def test_the_number_of_listeners_is_limited(monkeypatch):
    monkeypatch.setattr(events, "MAX_LISTENERS", 1)

    async def work():
        bus = EventBus()
        bus.check()
        await anext(bus.listen())
        with pytest.raises(TooManyListeners):
            bus.check()

    asyncio.run(work())
