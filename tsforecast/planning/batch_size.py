"""Check that a training run fits its device, and choose the largest batch size that does."""

import dataclasses
from typing import TYPE_CHECKING

from tsforecast.errors import UserError
from tsforecast.formatting import size
from tsforecast.planning import machine
from tsforecast.planning.layer_memory import Execution
from tsforecast.planning.memory import (
    GPU_PROGRAM_BYTES,
    USABLE,
    MemoryEstimate,
    choose_accumulation,
    estimate_memory,
    optimizer_bytes,
    series_bytes,
    training_data_bytes,
)

if TYPE_CHECKING:
    import keras

    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.models.forecaster import Forecaster
    from tsforecast.training.options import TrainingOptions

MIN_STEPS_PER_EPOCH = 50  # training.batch_size=auto leaves at least this many batches per epoch
COMPILED_BYTES = (
    4e8  # memory that tracing and compiling add to the process, as seen for the LSTM; an allowance
)
DEFAULT_BATCH_SIZE = 32  # training.batch_size=auto for a model that is not trained in batches


def estimate_training(
    model: "Forecaster",
    dataset: "ForecastDataset",
    device: str,
    training: "TrainingOptions",
    *,
    optimizer: "keras.optimizers.Optimizer",
    program: int | None = None,
) -> MemoryEstimate:
    """Estimate the memory of training a model on a device.

    Args:
        model: The network.
        dataset: The data to train on.
        device: ``cpu`` or ``gpu``.
        training: The options of the run.
        optimizer: The optimizer, not built yet.
        program: Result of ``program_bytes`` before other models were built; None to measure it now.
    """
    from tsforecast.inference.sharding import default_shards
    from tsforecast.training.trainer import first_scored_step

    on_cpu = device == "cpu"
    return estimate_memory(
        model,
        _execution(model, device),
        optimizer=optimizer_bytes(optimizer, model),
        dense_from=first_scored_step(training, model.has_sequence),
        parts=(training.shards or default_shards(1024)) if on_cpu else 1,
        resident=training_data_bytes(dataset) if on_cpu else 0,  # windows are gathered on the host
        program=program_bytes(dataset, device) if program is None else program,
    )


def _execution(model: "Forecaster", device: str) -> Execution:
    """Return how steps of a model run on a device.

    A program that is compiled as a whole for a CPU widens half-precision values to float32. With bfloat16 products in
    hardware, operations run one at a time in half the width.
    """
    import keras

    from tsforecast import runtime

    dtype = keras.dtype_policies.get(model.dtype_policy).compute_dtype
    on_cpu = device == "cpu"
    unfused = on_cpu and dtype == "bfloat16" and runtime.cpu_has_bfloat16()
    half = "16" in dtype and (unfused or not on_cpu)
    return Execution(device, 2 if half else 4, unfused, keras.config.backend())


def program_bytes(dataset: "ForecastDataset", device: str) -> int:
    """Return the memory of Python, TensorFlow and compiled steps without the data; on a GPU that of its context."""
    if device != "cpu":
        return int(GPU_PROGRAM_BYTES)
    return int(machine.process_memory() - series_bytes(dataset) + COMPILED_BYTES)


def fit_batch_size(
    training: "TrainingOptions",
    estimate: MemoryEstimate,
    *,
    model: str,
    available: float | None,
    windows: int,
) -> "TrainingOptions":
    """Return the options with a batch size that fits the device; ``auto`` becomes a number.

    Args:
        training: The options of the run.
        estimate: Memory of the run.
        model: Name of the model, for messages.
        available: Memory of the device in bytes, None if unknown.
        windows: Number of training windows.

    Raises:
        UserError: The run does not fit; the message names the batch size and accumulation that would.
    """
    if training.batch_size == "auto":
        batch_size = largest_batch_size(estimate, available, windows)
        needed = size(estimate.peak(batch_size))
        print(f"training.batch_size=auto: {batch_size} windows, {needed} of {size(available)}", flush=True)
        return dataclasses.replace(training, batch_size=batch_size)
    if available is not None:
        check_batch_size(training, estimate, model=model, available=available)
    return training


def largest_batch_size(estimate: MemoryEstimate, available: float | None, windows: int) -> int:
    """Return the largest power of two that fits the device and leaves ``MIN_STEPS_PER_EPOCH`` batches per epoch.

    Args:
        estimate: Memory of the run.
        available: Memory of the device in bytes, None if unknown.
        windows: Number of training windows.

    Raises:
        UserError: The memory of the device is unknown, or not even one window fits.
    """
    if available is None:
        raise UserError("training.batch_size=auto needs to know the device's memory: set device.memory_gb.")
    limit = min(estimate.largest_batch(available), max(1, windows // MIN_STEPS_PER_EPOCH))
    if limit < 1:
        raise UserError(
            f"Not even one window fits into {size(available)}: choose a smaller model or window.lookback."
        )
    return 1 << (limit.bit_length() - 1)


def check_batch_size(
    training: "TrainingOptions", estimate: MemoryEstimate, *, model: str, available: float
) -> None:
    """Raise an error if a batch does not fit the device.

    Args:
        training: The options of the run, with a number as batch size.
        estimate: Memory of the run.
        model: Name of the model, for the message.
        available: Memory of the device in bytes.

    Raises:
        UserError: The batch does not fit; the message names the batch size and accumulation that would.
    """
    batch_size, largest = training.batch_size, estimate.largest_batch(available)
    if batch_size <= largest:
        return
    problem = (
        f"{model} with training.batch_size={batch_size} needs {size(estimate.peak(batch_size))}, "
        f"and {size(USABLE * available)} of this device's {size(available)} are usable"
    )
    if largest < 1:
        raise UserError(f"{problem}: not even one window fits; choose a smaller model or window.lookback.")
    batch_size, steps = choose_accumulation(batch_size * training.accumulate_steps, largest)
    raise UserError(
        f"{problem}: use training.batch_size={batch_size} training.accumulate_steps={steps}, "
        "which keeps the effective batch size."
    )
