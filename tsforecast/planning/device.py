"""The device that a plan is for, which need not be in this machine."""

from typing import TYPE_CHECKING

from tsforecast import runtime
from tsforecast.planning import machine

if TYPE_CHECKING:
    from tsforecast.runtime_options import DeviceOptions, Policy


def initialize_for_device(
    device: "DeviceOptions", policy: "Policy", *, backend: str, seed: int
) -> tuple[str, runtime.RuntimeInfo]:
    """Set the global state so that models can be built as they would be on the planned device.

    A plan for a GPU that is not in this machine is made on the CPU, with the precision that the GPU would use.

    Args:
        device: The device to plan for.
        policy: Precision policy of the config.
        backend: Backend of Keras.
        seed: Random seed, at least 0.

    Returns: ``cpu`` or ``gpu``, the kind of device to plan for, and what this process runs with.
    """
    gpus = machine.list_gpus()
    kind = "gpu" if device.kind == "gpu" or (device.kind == "auto" and gpus) else "cpu"
    capability = device.compute_capability
    if kind == "gpu" and capability is None and gpus:
        capability = gpus[0].compute_capability
    info = runtime.initialize(
        backend=backend,
        seed=seed,
        policy=runtime.resolve_policy(policy, kind, capability),
        kind="auto" if gpus and kind == "gpu" else "cpu",
        memory_gb=None,
        threads=device.threads,
    )
    return kind, info


def device_memory(kind: str, memory_gb: float | None) -> float | None:
    """Return the memory of a device in bytes, None if unknown.

    Args:
        kind: ``cpu`` or ``gpu``.
        memory_gb: Memory in GB if the config states it, else None: the memory is measured.
    """
    if memory_gb is not None:
        return memory_gb * 1e9
    if kind == "cpu":
        # The plan includes the current memory of this process, so it counts as free.
        return machine.system_memory()[1] + machine.process_memory()
    gpus = machine.list_gpus()
    return gpus[0].memory_bytes if gpus else None
