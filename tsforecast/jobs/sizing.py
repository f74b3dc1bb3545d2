"""Whether a run fits its device, and the batch that does: between the config and ``tsforecast.planning``."""

import dataclasses
from typing import Any

from tsforecast.config import Config, instantiate, stem
from tsforecast.data.dataset import ForecastDataset
from tsforecast.errors import UserError
from tsforecast.planning import machine
from tsforecast.planning.formatting import size
from tsforecast.planning.memory import USABLE, Memory, accumulation
from tsforecast.runtime import RuntimeInfo

MIN_STEPS_AN_EPOCH = 50  # training.batch_size=auto stays below this share of the training windows
COMPILED = 4e8  # bytes that tracing and compiling add to the process, as seen for the LSTM; an allowance


def memory(
    config: Config, dataset: ForecastDataset, model: Any, device: str, program: int | None = None
) -> Memory:
    """The memory that training this model would take on a device (cpu or gpu).

    ``program`` is what ``program_bytes`` said before other models were built; by default it is asked now.
    """
    import keras

    from tsforecast import runtime
    from tsforecast.inference.sharding import default_shards
    from tsforecast.planning.memory import memory_of, optimizer_bytes, resident_bytes
    from tsforecast.planning.rules import Place
    from tsforecast.training.trainer import first_scored_step

    accumulate = config.training.accumulate_steps if config.training.accumulate_steps > 1 else None
    optimizer = instantiate(config.optimizer, gradient_accumulation_steps=accumulate)
    on_cpu = device == "cpu"
    computes = keras.dtype_policies.get(model.dtype_policy).compute_dtype
    half = "16" in computes
    # Where the compiler makes one program of it on a CPU, it widens half-precision values to float32 and holds those.
    # With bfloat16 products in hardware operations run one by one, in half the width.
    one_by_one = on_cpu and computes == "bfloat16" and runtime.cpu_has_bfloat16()
    return memory_of(
        model,
        Place(device, 2 if half and (one_by_one or not on_cpu) else 4, one_by_one),
        optimizer=optimizer_bytes(optimizer, model),
        dense_from=first_scored_step(config.training, model.has_sequence),
        parts=(config.training.shards or default_shards(1024)) if on_cpu else 1,
        resident=resident_bytes(dataset) if on_cpu else 0,  # the windows are gathered on the host
        program=program_bytes(dataset, device) if program is None else program,
    )


def program_bytes(dataset: ForecastDataset, device: str) -> int:
    """What Python, TensorFlow and compiled steps take beside the data; on a GPU its context."""
    from tsforecast.planning.memory import PROGRAM_GPU, loaded_bytes

    return int(
        machine.resident_bytes() - loaded_bytes(dataset) + COMPILED if device == "cpu" else PROGRAM_GPU
    )


def device_bytes(config: Config, device: str) -> float | None:
    """Memory of the device that the config describes, or that is here; None where nothing tells."""
    if config.device.memory_gb is not None:
        return config.device.memory_gb * 1e9
    if device == "cpu":
        # What this process holds already is part of the plan, so it counts as free.
        return machine.memory_bytes()[1] + machine.resident_bytes()
    found = machine.cards()
    return found[0].memory_bytes if found else None


def sized(config: Config, dataset: ForecastDataset, model: Any, facts: RuntimeInfo) -> Config:
    """The config with a batch that fits: ``training.batch_size=auto`` becomes a number.

    Raises:
        UserError: the run cannot fit; with the batch and the accumulation that would.
    """
    if not getattr(model, "trainable_variables", None):
        return with_batch(config, 32) if config.training.batch_size == "auto" else config
    there = device_bytes(config, facts.device)
    plan = memory(config, dataset, model, facts.device)
    if config.training.batch_size == "auto":
        chosen = automatic(plan, there, len(dataset.windows("train")))
        print(
            f"training.batch_size=auto: {chosen} windows, {size(plan.peak(chosen))} of {size(there)}",
            flush=True,
        )
        return with_batch(config, chosen)
    if there is not None:
        refuse_if_too_large(config, plan, there)
    return config


def automatic(plan: Memory, there: float | None, windows: int) -> int:
    """The largest power of two that fits the device and still leaves ``MIN_STEPS_AN_EPOCH`` batches an epoch.

    Raises:
        UserError: nothing tells the device's memory, or not even one window fits.
    """
    if there is None:
        raise UserError("training.batch_size=auto needs to know the device's memory: set device.memory_gb.")
    most = min(plan.largest_batch(there), max(1, windows // MIN_STEPS_AN_EPOCH))
    if most < 1:
        raise UserError(f"Not even one window fits {size(there)}: choose a smaller model or window.lookback.")
    return 1 << (most.bit_length() - 1)


def refuse_if_too_large(config: Config, plan: Memory, there: float) -> None:
    """Raises when a batch does not fit.

    Raises:
        UserError: see ``sized``.
    """
    batch, most = config.training.batch_size, plan.largest_batch(there)
    if batch <= most:
        return
    needs = f"{stem(config.model)} with training.batch_size={batch} needs {size(plan.peak(batch))}, "
    has = f"and {size(USABLE * there)} of this device's {size(there)} are usable"
    if most < 1:
        raise UserError(f"{needs}{has}: not even one window fits; choose a smaller model or window.lookback.")
    fits, steps = accumulation(batch * config.training.accumulate_steps, most)
    raise UserError(
        f"{needs}{has}: use training.batch_size={fits} training.accumulate_steps={steps}, "
        "which keeps the effective batch."
    )


def with_batch(config: Config, batch_size: int) -> Config:
    """The config with another batch; nothing else changes."""
    return dataclasses.replace(config, training=dataclasses.replace(config.training, batch_size=batch_size))
