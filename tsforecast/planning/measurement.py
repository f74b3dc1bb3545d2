"""Measure train steps and forecasts on random batches: their time, and the memory that they add."""

import ctypes
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.timing import seconds_per_call

if TYPE_CHECKING:
    from tsforecast.models.protocol import Model
    from tsforecast.training.trainer import Trainer

STATUS = Path("/proc/self/status")
# Environment of a process that measures memory.
MEMORY_ENVIRONMENT = {
    "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1",  # TensorFlow's own CPU pool would keep freed memory
    "MALLOC_MMAP_THRESHOLD_": "65536",  # larger blocks are mapped, and unmapped when freed
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Buffers are assigned before machine code is generated, and optimized code takes minutes to generate.
    "XLA_FLAGS": "--xla_backend_optimization_level=0",
}


def measure_step(
    model: "Model", trainer: "Trainer", batch_size: int, *, what: str, seconds: float, started: float
) -> dict[str, Any]:
    """Measure a train step and a forecast.

    Args:
        model: The network.
        trainer: Its compiled trainer.
        batch_size: Windows of the train step, at least 1.
        what: ``memory`` of a step and of a forecast of one batch; ``time`` of a step, and of a forecast of one window;
            ``forecast``, only the time of a forecast.
        seconds: Approximate time to spend on each timed call.
        started: ``time.time()`` at the start of the process.

    Returns: ``infer`` and, except for ``forecast``, ``train``: bytes, or times as ``seconds_per_call`` returns them.
        With times, ``cold`` is the seconds from the start of the process to its first forecast.
    """
    if what == "memory":
        return {
            "infer": peak_memory(forecast_call(model, batch_size)),
            "train": peak_memory(training_call(trainer, batch_size)),
        }
    before = time.time() - started
    row: dict[str, Any] = {"infer": seconds_per_call(forecast_call(model, 1), seconds)}
    row["cold"] = before + row["infer"]["first"]
    if what == "time":
        row["train"] = seconds_per_call(training_call(trainer, batch_size), seconds)
    return row


def training_call(trainer: "Trainer", batch_size: int) -> Callable[[], object]:
    """Return a call that trains on a fixed random batch and waits for the loss."""
    import keras

    past, truth = random_batch(trainer, batch_size)
    if keras.config.backend() != "tensorflow":
        return lambda: trainer.train_on_batch(past, truth)
    import tensorflow as tf

    batch, step = (tf.constant(past), tf.constant(truth)), trainer.make_train_function()
    return lambda: float(np.asarray(step(iter([batch]))["loss"]))


def forecast_call(model: "Model", batch_size: int) -> Callable[[], object]:
    """Return a call that forecasts random windows, as evaluation and serving do."""
    from tsforecast.inference.predict import forward_batch

    task = model.task
    past = np.random.default_rng(0).normal(size=(batch_size, task.lookback, task.channels)).astype(np.float32)
    return lambda: forward_batch(model, past)


def random_batch(trainer: "Trainer", batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random windows and targets as float32 arrays, in the shapes that a trainer expects."""
    task, random = trainer.forecaster.task, np.random.default_rng(0)
    past = random.normal(size=(batch_size, task.lookback, task.channels)).astype(np.float32)
    steps = () if trainer.dense_from is None else (task.lookback - trainer.dense_from,)
    truth = random.normal(size=(batch_size, *steps, task.horizon, len(task.target_indices)))
    return past, truth.astype(np.float32)


def peak_memory(call: Callable[[], object], min_calls: int = 3, seconds: float = 1.0) -> int:
    """Return the bytes that a call adds at its peak to what was in memory before it: the maximum of several calls.

    The parts of a batch run in parallel on a CPU, and their peaks do not coincide in every call.

    On a GPU, the allocator reports the peak. On Linux it is the kernel's high-water mark of resident memory, which is
    right only in a process with ``MEMORY_ENVIRONMENT``, where freed memory is returned immediately.

    Args:
        call: The call to measure.
        min_calls: Minimum number of measured calls, at least 1.
        seconds: Approximate time to spend on measured calls.

    Raises:
        OSError: The high-water mark cannot be reset on this system.
    """
    import tensorflow as tf

    on_gpu = bool(tf.config.list_logical_devices("GPU"))
    call()  # compiles
    peaks: list[int] = []
    deadline = time.perf_counter() + seconds
    while len(peaks) < min_calls or time.perf_counter() < deadline:
        before = _reset_gpu_peak() if on_gpu else _reset_resident_peak()
        call()
        peaks.append((_gpu_peak() if on_gpu else _status_bytes("VmHWM")) - before)
    return max(peaks)


def _reset_gpu_peak() -> int:
    """Reset the peak and return the current bytes."""
    import tensorflow as tf

    tf.config.experimental.reset_memory_stats("GPU:0")
    return tf.config.experimental.get_memory_info("GPU:0")["current"]


def _gpu_peak() -> int:
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"]


def _reset_resident_peak() -> int:
    """Reset the peak and return the current bytes."""
    if not sys.platform.startswith("linux"):
        raise OSError("the peak memory of a step can only be measured on Linux or on a GPU")
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the high-water mark
    return _status_bytes("VmRSS")


def _status_bytes(name: str) -> int:
    match = re.search(rf"^{name}:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
    if match is None:
        raise OSError(f"{STATUS} has no {name}")
    return int(match.group(1)) * 1024
