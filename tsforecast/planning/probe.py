"""Train steps and forecasts on random batches, and the peak memory of a call."""

import ctypes
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

STATUS = Path("/proc/self/status")


def training_call(trainer: Any, batch_size: int) -> Callable[[], None]:
    """One train step on a fixed batch of noise, waited for."""
    import keras

    past, truth = _batch(trainer, batch_size)
    if keras.config.backend() != "tensorflow":
        return lambda: trainer.train_on_batch(past, truth)
    import tensorflow as tf

    batch, step = (tf.constant(past), tf.constant(truth)), trainer.make_train_function()

    def call() -> None:
        float(np.asarray(step(iter([batch]))["loss"]))

    return call


def forecast_call(model: Any, batch_size: int) -> Callable[[], None]:
    """One forecast of ``batch_size`` windows of noise, as evaluation and serving make it."""
    from tsforecast.inference.predict import forward_batch

    task = model.task
    past = np.random.default_rng(0).normal(size=(batch_size, task.lookback, task.channels)).astype(np.float32)

    def call() -> None:
        forward_batch(model, past)

    return call


def _batch(trainer: Any, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    task, draw = trainer.forecaster.task, np.random.default_rng(0)
    past = draw.normal(size=(batch_size, task.lookback, task.channels)).astype(np.float32)
    steps = () if trainer.dense_from is None else (task.lookback - trainer.dense_from,)
    truth = draw.normal(size=(batch_size, *steps, task.horizon, len(task.target_indices)))
    return past, truth.astype(np.float32)


def peak_of_call(call: Callable[[], None], least: int = 3, seconds: float = 1.0) -> int:
    """The bytes that a call holds at its worst moment beyond what was held before it: the most of several calls.

    The parts of a batch run side by side on a CPU, and their worst moments do not meet in every call.

    On a GPU the allocator's own count. On Linux the kernel's high-water mark of resident memory, which is right only
    when freed memory goes back at once: see ``jobs.measure.ENVIRONMENT``.

    Raises:
        OSError: the system has no resettable high-water mark.
    """
    import tensorflow as tf

    on_gpu = bool(tf.config.list_logical_devices("GPU"))
    call()  # compiles
    found: list[int] = []
    until = time.perf_counter() + seconds
    while len(found) < least or time.perf_counter() < until:
        before = _reset_gpu() if on_gpu else _reset_resident()
        call()
        found.append((_peak_gpu() if on_gpu else _status("VmHWM")) - before)
    return max(found)


def _reset_gpu() -> int:
    import tensorflow as tf

    tf.config.experimental.reset_memory_stats("GPU:0")
    return tf.config.experimental.get_memory_info("GPU:0")["current"]


def _peak_gpu() -> int:
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"]


def _reset_resident() -> int:
    if not sys.platform.startswith("linux"):
        raise OSError("the peak of a step can be measured on Linux or a GPU only")
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the high-water mark
    return _status("VmRSS")


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"{STATUS} has no {name}")
    return int(found.group(1)) * 1024
