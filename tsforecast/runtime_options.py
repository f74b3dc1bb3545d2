"""Options of the device and of the precision."""

from dataclasses import dataclass
from typing import Annotated, Literal

from tsforecast.options import Range

Policy = Literal["float32", "mixed", "mixed_float16", "mixed_bfloat16"]
DeviceKind = Literal["auto", "cpu", "gpu"]


@dataclass(frozen=True, kw_only=True)
class PrecisionOptions:
    """Precision of the computation.

    Args:
        policy: Keras dtype policy; ``mixed`` picks the half precision that the device supports in hardware.
    """

    policy: Policy


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """Where to run, and the properties of a card that is not in this machine (for planning and checks).

    Args:
        kind: Device to use; ``auto`` is a GPU if there is one, else the CPU.
        memory_gb: Memory of the device in GB; None: as measured.
        compute_capability: CUDA compute capability; None: as measured.
        threads: CPU threads; None: all cores.
        strategy: ``single`` device, ``mirrored`` over the GPUs of this machine, or ``multi_worker`` processes.
    """

    kind: DeviceKind
    memory_gb: Annotated[float | None, Range(0.1)]
    compute_capability: Annotated[float | None, Range(1.0)]
    threads: Annotated[int | None, Range(1, 1024)]
    strategy: Literal["single", "mirrored", "multi_worker"]
