"""Find what is wrong with a machine for training, and how to fix it.

The findings depend only on ``MachineFacts``, so they can be tested without a GPU.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tsforecast.errors import install_hint
from tsforecast.formatting import size
from tsforecast.planning.machine import GPU

CUDNN_WITHOUT_VOLTA = (9, 11)  # cuDNN 9.11 dropped compute capabilities below 7.5
MIN_CAPABILITY_OF_CUDNN = 7.5
LAST_DRIVER_FOR_VOLTA = 580
MIN_DRIVER_FOR_CUDA_12 = 525
MIN_MEMORY, MIN_DISK = 4e9, 2e9  # bytes


@dataclass(frozen=True)
class MachineFacts:
    """Facts about a machine; None for what is missing.

    Args:
        python: Version of Python.
        tensorflow: Version of TensorFlow.
        cuda: CUDA version that TensorFlow is built for.
        cudnn_built: cuDNN version that TensorFlow is built for.
        cudnn: cuDNN version that is installed.
        capabilities: Targets that TensorFlow's kernels are compiled for, for example ``sm_70`` and ``compute_90``.
        gpus: GPUs that the driver reports.
        visible_gpus: Number of GPUs that TensorFlow sees.
        cpu: Name and cores of the processor.
        cpu_bfloat16: Whether the processor multiplies bfloat16 in hardware.
        memory: Total and available bytes of memory.
        disk: Free bytes on the disk that runs are written to.
        wandb: What the W&B tracker does on this machine, as text.
    """

    python: str
    tensorflow: str | None
    cuda: str | None
    cudnn_built: str | None
    cudnn: str | None
    capabilities: tuple[str, ...]
    gpus: tuple[GPU, ...]
    visible_gpus: int
    cpu: str
    cpu_bfloat16: bool
    memory: tuple[int, int]
    disk: int
    wandb: str


@dataclass(frozen=True)
class Finding:
    """A line of the doctor's report.

    Args:
        level: ``ok``, ``advice`` or ``problem``.
        what: Description of the finding.
        fix: Command or step that fixes a problem, else empty.

    Example:
        >>> Finding("problem", "TensorFlow is not installed.", install_hint()).fix
        'run `make setup`'
    """

    level: str
    what: str
    fix: str = ""


def diagnose(facts: MachineFacts) -> list[Finding]:
    """Return all findings about a machine, in the order of the report."""
    return [
        Finding("ok", f"Python {facts.python}"),
        *_tensorflow(facts),
        *(finding for gpu in facts.gpus for finding in _gpu(gpu, facts)),
        *_gpus_seen(facts),
        _precision(facts),
        *_free_space(facts),
        Finding("ok", f"W&B: {facts.wandb}"),
    ]


def _tensorflow(facts: MachineFacts) -> Iterator[Finding]:
    if facts.tensorflow is None:
        yield Finding("problem", "TensorFlow is not installed.", install_hint())
        return
    built = f", built for CUDA {facts.cuda} and cuDNN {facts.cudnn_built}" if facts.cuda else ", without CUDA"
    yield Finding("ok", f"TensorFlow {facts.tensorflow}{built}")
    if facts.cudnn is not None:
        yield Finding("ok", f"cuDNN {facts.cudnn} is installed")


def _gpu(gpu: GPU, facts: MachineFacts) -> Iterator[Finding]:
    yield Finding(
        "ok",
        f"{gpu.name}, compute capability {gpu.compute_capability:g}, {size(gpu.memory_bytes)}, driver {gpu.driver}",
    )
    yield from _cudnn_support(gpu, facts)
    yield from _kernel_support(gpu, facts)
    yield from _driver(gpu)


def _cudnn_support(gpu: GPU, facts: MachineFacts) -> Iterator[Finding]:
    """Check cuDNN: TensorFlow runs on a V100, but cuDNN 9.11 and later have no code for it."""
    if facts.cudnn is None or gpu.compute_capability >= MIN_CAPABILITY_OF_CUDNN:
        return
    if _numbers(facts.cudnn)[:2] >= CUDNN_WITHOUT_VOLTA:
        yield Finding(
            "problem",
            f"cuDNN {facts.cudnn} has no code for compute capability {gpu.compute_capability:g} ({gpu.name}): "
            "recurrent layers and convolutions fail or do not start.",
            "pip install 'nvidia-cudnn-cu12>=9.3,<9.11'",
        )


def _kernel_support(gpu: GPU, facts: MachineFacts) -> Iterator[Finding]:
    if facts.capabilities and not runs_on(gpu.compute_capability, facts.capabilities):
        yield Finding(
            "problem",
            f"TensorFlow {facts.tensorflow} is compiled for {', '.join(facts.capabilities)}, "
            f"not for {gpu.compute_capability:g} ({gpu.name}).",
            f"{install_hint('cuda')}, or use device=cpu",
        )


def runs_on(capability: float, compiled: tuple[str, ...]) -> bool:
    """Return whether code compiled for these targets runs on a GPU.

    ``sm_XY`` is machine code for GPUs of the same major version and at least that minor version; the driver translates
    ``compute_XY`` for every later GPU.

    Args:
        capability: Compute capability of the GPU.
        compiled: Targets of the code.

    Example:
        >>> runs_on(8.6, ("sm_80",)), runs_on(9.0, ("sm_80",))
        (True, False)
    """
    version = round(capability * 10)
    for target in compiled:
        kind, _, number = target.partition("_")
        minimum = int("".join(filter(str.isdigit, number)) or 10**6)
        if kind == "compute" and version >= minimum:
            return True
        if kind == "sm" and version // 10 == minimum // 10 and version >= minimum:
            return True
    return False


def _driver(gpu: GPU) -> Iterator[Finding]:
    major = _numbers(gpu.driver)[0]
    if major < MIN_DRIVER_FOR_CUDA_12:
        yield Finding(
            "problem",
            f"Driver {gpu.driver} is too old for CUDA 12, which needs {MIN_DRIVER_FOR_CUDA_12}.60.13.",
            f"install NVIDIA driver {LAST_DRIVER_FOR_VOLTA}",
        )
    if gpu.compute_capability < MIN_CAPABILITY_OF_CUDNN and major > LAST_DRIVER_FOR_VOLTA:
        yield Finding(
            "problem",
            f"Driver {gpu.driver} no longer supports {gpu.name}: {LAST_DRIVER_FOR_VOLTA} is the last branch that does.",
            f"install NVIDIA driver {LAST_DRIVER_FOR_VOLTA}",
        )


def _gpus_seen(facts: MachineFacts) -> Iterator[Finding]:
    if not facts.gpus:
        yield Finding("ok", f"No GPU; {facts.cpu}")
    elif facts.visible_gpus < len(facts.gpus):
        yield Finding(
            "problem",
            f"The driver shows {len(facts.gpus)} GPU and TensorFlow sees {facts.visible_gpus}: "
            "its CUDA libraries are missing or hidden.",
            f"{install_hint('cuda')}, and check CUDA_VISIBLE_DEVICES",
        )


def _precision(facts: MachineFacts) -> Finding:
    if facts.gpus:
        capability = min(gpu.compute_capability for gpu in facts.gpus)
        if capability >= 8.0:
            return Finding("advice", "precision=mixed uses bfloat16 here; it needs no loss scaling.")
        if capability >= 7.0:
            return Finding(
                "advice",
                "precision=mixed uses float16 with loss scaling here; the GPU does not support bfloat16 in hardware.",
            )
        return Finding("advice", "precision=float32: this GPU gains nothing from half precision.")
    if facts.cpu_bfloat16:
        return Finding(
            "advice",
            "precision=mixed uses bfloat16, which the processor has in hardware, where a train step is faster with it.",
        )
    return Finding(
        "advice", "precision=mixed is float32 here: the processor does not support bfloat16 in hardware."
    )


def _free_space(facts: MachineFacts) -> Iterator[Finding]:
    total, available = facts.memory
    low = available < MIN_MEMORY
    yield Finding(
        "problem" if low else "ok",
        f"Memory: {size(available)} of {size(total)} available",
        "close other programs, or use scale=tiny" if low else "",
    )
    low = facts.disk < MIN_DISK
    yield Finding(
        "problem" if low else "ok",
        f"Disk: {size(facts.disk)} free for runs",
        "delete old folders in outputs/" if low else "",
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
