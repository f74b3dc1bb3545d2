"""Windows go together while a batch is under way; nobody gets another's forecast; a full queue says so."""

import asyncio
import threading

import numpy as np
import pytest

from tsforecast.inference.forecasts import Forecasts
from tsforecast.serving.batching import Batcher, QueueFull


class Echo:
    """Forecasts the first number of each window, and waits until it may."""

    def __init__(self, failing=False):
        self.sizes, self.gate, self.failing, self.begun = [], threading.Event(), failing, 0
        self.gate.set()

    def __call__(self, past):
        self.begun += 1
        self.gate.wait(5)
        self.sizes.append(len(past))
        if self.failing:
            raise RuntimeError("broken")
        values = past[:, :1, :1].astype(float)
        return Forecasts(values, values, values)


def windows(*numbers):
    return np.array(numbers, np.float32).reshape(-1, 1, 1)


def run(work, **options):
    async def within():
        batcher = Batcher(**{"max_batch": 4, "queue": 100, "on_batch": lambda size, seconds: None, **options})
        batcher.start()
        try:
            return await asyncio.wait_for(work(batcher), 10)
        finally:
            await batcher.stop()

    return asyncio.run(within())


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


def test_what_arrives_meanwhile_goes_together_and_comes_back_to_its_sender():
    echo = Echo()

    async def work(batcher):
        echo.gate.clear()
        first = asyncio.create_task(batcher.forecast(echo, windows(0)))
        await until(lambda: echo.begun == 1)
        others = [asyncio.create_task(batcher.forecast(echo, windows(n))) for n in range(1, 7)]
        await until(lambda: batcher.waiting == 6)
        echo.gate.set()
        return [found.values.item() for found in await asyncio.gather(first, *others)]

    assert run(work) == [0, 1, 2, 3, 4, 5, 6]
    assert echo.sizes == [1, 4, 2]


def test_a_single_window_passes_a_request_of_many():
    echo, order = Echo(), []

    async def work(batcher):
        echo.gate.clear()

        async def asked(name, past):
            found = await batcher.forecast(echo, past)
            order.append(name)
            return found.values.ravel().tolist()

        many = asyncio.create_task(asked("many", windows(*range(12))))
        await until(lambda: batcher.waiting == 8)
        one = asyncio.create_task(asked("one", windows(99)))
        await until(lambda: batcher.waiting == 9)
        echo.gate.set()
        return await asyncio.gather(many, one)

    assert run(work) == [list(range(12)), [99]]
    assert order == ["one", "many"]


def test_two_models_never_share_a_batch():
    one, two = Echo(), Echo()

    async def work(batcher):
        one.gate.clear()
        first = asyncio.create_task(batcher.forecast(one, windows(0)))
        await until(lambda: one.begun == 1)
        rest = [asyncio.create_task(batcher.forecast((one, two)[n % 2], windows(n))) for n in range(6)]
        await until(lambda: batcher.waiting == 6)
        one.gate.set()
        return [found.values.item() for found in await asyncio.gather(first, *rest)]

    assert run(work) == [0, 0, 1, 2, 3, 4, 5]
    assert one.sizes == [1, 3]
    assert two.sizes == [3]


def test_a_full_queue_refuses_and_has_room_again():
    echo = Echo()

    async def work(batcher):
        echo.gate.clear()
        first = asyncio.create_task(batcher.forecast(echo, windows(0)))
        await until(lambda: echo.begun == 1)
        second = asyncio.create_task(batcher.forecast(echo, windows(1, 2, 3)))
        await until(lambda: batcher.waiting == 3)
        with pytest.raises(QueueFull) as refused:
            await batcher.forecast(echo, windows(4, 5))
        assert refused.value.retry_seconds >= 1
        echo.gate.set()
        await asyncio.gather(first, second)
        return (await batcher.forecast(echo, windows(4, 5))).values.ravel().tolist()

    assert run(work, queue=4) == [4, 5]


def test_a_request_that_was_given_up_takes_no_room():
    echo = Echo()

    async def work(batcher):
        echo.gate.clear()
        first = asyncio.create_task(batcher.forecast(echo, windows(0)))
        await until(lambda: echo.begun == 1)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(batcher.forecast(echo, windows(1, 2, 3)), 0.01)
        echo.gate.set()
        await first
        await batcher.forecast(echo, windows(4))
        return batcher.waiting

    assert run(work) == 0
    assert echo.sizes == [1, 1]


def test_a_failing_model_fails_its_requests_and_no_other():
    good, bad = Echo(), Echo(failing=True)

    async def work(batcher):
        with pytest.raises(RuntimeError, match="broken"):
            await batcher.forecast(bad, windows(1))
        return (await batcher.forecast(good, windows(2))).values.item()

    assert run(work) == 2
