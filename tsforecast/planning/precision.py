"""The choice that ``precision=mixed`` leaves on a CPU: bfloat16 only where a train step is faster with it.

Matrix products of bfloat16 are faster on a processor with units for them, but steps in bfloat16 run one operation at a
time, while XLA fuses those in float32. Which one wins depends on the model, its batch and the processor, so both are
timed, once: the seconds are kept in the folder of ``program_cache``, next to the compiled programs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsforecast import runtime
from tsforecast.errors import UserError
from tsforecast.files import write_json
from tsforecast.program_cache import cache_folder

if TYPE_CHECKING:
    from tsforecast.config import Config
    from tsforecast.models.protocol import Model
    from tsforecast.runtime_options import Policy
    from tsforecast.training.options import TrainingOptions

POLICIES: tuple[Policy, ...] = ("float32", "mixed_bfloat16")
MIN_STEPS = 500  # a shorter run would not save what the measurement costs
MIN_MINUTES = 1.0
SECONDS = 2.0  # of timed steps with each precision


def choose(
    config: Config,
    facts: runtime.RuntimeInfo,
    model: Model,
    measure: Callable[..., Sequence[Mapping[str, Any]]],
) -> Config:
    """Return the config with the precision whose train steps are faster, if ``precision=mixed`` leaves that open.

    It is open on a CPU with units for bfloat16, for a network that is trained in batches of a known size for longer
    than the measurement takes.

    Args:
        config: Checked config.
        facts: What the job runs with.
        model: Model to train.
        measure: ``jobs.measure.measure``, which times steps of a config in a new process.
    """
    half_on_cpu = facts.device == "cpu" and facts.policy == "mixed_bfloat16"
    if config.precision.policy != "mixed" or not half_on_cpu or config.backend != "tensorflow":
        return config
    if not model.trains_in_batches or not is_worthwhile(config.training):
        return config
    path = _measurement_path(config)
    seconds = _read_seconds(path)
    if seconds is None:
        seconds = _measure(config, measure)
        _keep_seconds(seconds, path)
    faster = min(POLICIES, key=seconds.__getitem__)
    times = " and ".join(f"{1000 * seconds[policy]:.1f} ms in {policy}" for policy in POLICIES)
    print(f"precision=mixed: a train step takes {times} on this CPU: {faster} is used", flush=True)
    return dataclasses.replace(config, precision=dataclasses.replace(config.precision, policy=faster))


def is_worthwhile(training: TrainingOptions) -> bool:
    """Return whether a training is long enough to time its steps before it.

    Args:
        training: Options of the training.
    """
    if training.batch_size == "auto":  # which depends on the precision
        return False
    long_enough = training.max_minutes is None or training.max_minutes >= MIN_MINUTES
    return long_enough and (training.max_steps is None or training.max_steps >= MIN_STEPS)


def _measure(config: Config, measure: Callable[..., Sequence[Mapping[str, Any]]]) -> dict[Policy, float]:
    """Return the seconds of a train step with each precision."""
    print("precision=mixed: timing train steps with and without bfloat16, once on this machine", flush=True)
    seconds: dict[Policy, float] = {}
    for policy in POLICIES:
        timed = dataclasses.replace(config, precision=dataclasses.replace(config.precision, policy=policy))
        (row,) = measure(timed, [config.training.batch_size], what="time", seconds=SECONDS)
        seconds[policy] = row["train"]["low"]  # the quartile that other work on the machine changes least
    return seconds


def _keep_seconds(seconds: Mapping[Policy, float], path: Path | None) -> None:
    """Write a measurement; without a folder that can be written, the next run measures again."""
    if path is None:
        return
    with suppress(OSError, UserError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, seconds)


def _read_seconds(path: Path | None) -> dict[Policy, float] | None:
    """Return the seconds of an earlier measurement of the same steps on this machine, None without a sound one."""
    try:
        stored = json.loads(path.read_text()) if path is not None else {}
        return {policy: float(stored[policy]) for policy in POLICIES}
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _measurement_path(config: Config) -> Path | None:
    """Return the file of a measurement, None if nothing is to be kept.

    Its name depends on everything that the time of a step depends on.
    """
    folder = cache_folder()
    if folder is None:
        return None
    training = config.training
    facts = {
        "machine": runtime.cpu_description(),
        "versions": runtime.versions(config.backend),
        "threads": config.device.threads,
        "data": {
            key: value for key, value in config.data.items() if key not in ("rows", "split", "sampling")
        },
        "window": dataclasses.asdict(config.window),
        "context": config.context.kind,
        "model": config.model,
        "optimizer": config.optimizer["_target_"],
        "loss": config.loss,
        "training": [training.batch_size, training.supervision, training.objective, training.shards],
    }
    name = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return folder / "precision" / f"{name}.json"
