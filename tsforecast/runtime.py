"""All global state of a job, set and reset in one place: backend, device, seed, precision, threads.

Jobs of a sweep share one process; whatever one of them sets, the next must set again. ``initialize`` must run before
anything else imports Keras.
"""

import ctypes
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from typing import Any

from tsforecast.errors import UserError

# Quiet, before TensorFlow is imported: its start-up lines would hide ours.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def initialize(
    *,
    backend: str,
    seed: int,
    policy: str,
    kind: str,
    memory_gb: float | None,
    threads: int | None,
    strategy: str = "single",
) -> dict[str, Any]:
    """Sets everything a job depends on and returns what it got.

    Args:
        backend: tensorflow, jax or torch.
        seed: of Python, NumPy and the backend.
        policy: float32, mixed, mixed_float16 or mixed_bfloat16; ``mixed`` is resolved for the device.
        kind: auto, cpu or gpu.
        memory_gb: ceiling on GPU memory, or None.
        threads: of the CPU, or None for all that this process may use.
        strategy: single, mirrored or multi_worker, see ``training.strategy``.

    Returns: ``device`` (cpu or gpu), ``device_name``, ``policy``, ``versions``.

    Raises:
        UserError: the backend is not installed, another one is loaded already, or the device is not there.
    """
    _keep_freed_memory()
    with quiet_stderr():
        _import_backend(backend, kind)
        import keras

        from tsforecast.training.distributed import create, use

        device, name, capability = _device(backend, kind, memory_gb, threads)
        chosen = create(strategy)  # before anything makes a tensor
    resolved = resolve_policy(policy, device, capability)
    keras.backend.clear_session(free_memory=True)
    use(chosen)
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(resolved)
    return {"device": device, "device_name": name, "policy": resolved, "versions": versions(backend)}


def resolve_policy(policy: str, device: str, capability: float | None) -> str:
    """The dtype policy to use.

    Args:
        policy: as in the config.
        device: cpu or gpu.
        capability: the GPU's compute capability, None if unknown.

    Raises:
        UserError: bfloat16 is asked of a GPU without units for it.
    """
    has_bfloat16 = (capability or 8.0) >= 8.0 if device == "gpu" else cpu_has_bfloat16()
    if policy == "mixed_bfloat16" and device == "gpu" and not has_bfloat16:
        raise UserError(
            f"precision=mixed_bfloat16 needs compute capability 8.0 and this GPU has {capability}: "
            "use precision=mixed_float16."
        )
    if policy != "mixed":
        return policy
    if has_bfloat16:
        return "mixed_bfloat16"
    return "mixed_float16" if device == "gpu" else "float32"


def versions(backend: str) -> dict[str, str]:
    """Versions of Python and of the packages whose change can change a figure."""
    found = {"python": platform.python_version()}
    for package in ("tsforecast", "keras", backend, "numpy", "hydra-core"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def peak_memory_mb() -> float:
    """The largest resident size of this process so far, in MB (10^6 bytes)."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _keep_freed_memory() -> None:
    """Lets glibc hand out large blocks from memory it has, up to 2 GB of it.

    By default it asks the system for each, and the system clears it page by page: a train step that takes 100 MB for
    its activations spends more time on that than on its products. Where the environment already tells glibc what to do
    (``MALLOC_MMAP_THRESHOLD_``, as a measurement of memory does), it stays so.
    """
    if "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return
    no_large_maps, trim_threshold = -4, -1  # M_MMAP_MAX and M_TRIM_THRESHOLD of malloc.h
    with suppress(OSError, AttributeError):  # another C library has no such call
        ctypes.CDLL(None).mallopt(no_large_maps, 0)
        ctypes.CDLL(None).mallopt(trim_threshold, 2**31 - 1)


def give_back_memory() -> None:
    """Hands memory that was freed back to the system; glibc would keep the hundreds of MB that a compilation took."""
    with suppress(OSError, AttributeError):  # another C library has no such call, and no such habit
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Holds back what native code writes to standard error, unless it fails: TensorFlow's first lines obey no level."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            with warnings.catch_warnings():
                # Third-party warnings at import say nothing that a user can act on.
                warnings.simplefilter("ignore")
                yield
        except Exception as error:
            if not isinstance(error, UserError):
                held.seek(0)
                os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _import_backend(backend: str, kind: str) -> None:
    loaded = sys.modules.get("keras")
    if loaded is not None and loaded.config.backend() != backend:
        raise UserError(
            f"backend={backend} cannot follow backend={loaded.config.backend()} in one process: "
            "run them as separate commands."
        )
    os.environ["KERAS_BACKEND"] = backend
    if kind == "cpu" and loaded is None:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
    try:
        __import__(backend)
    except ImportError as error:
        raise UserError(
            f"backend={backend} is not installed ({error}): pip install 'tsforecast[{backend}]'."
        ) from error


def _device(
    backend: str, kind: str, memory_gb: float | None, threads: int | None
) -> tuple[str, str, float | None]:
    if backend == "tensorflow":
        device, name, capability = _tensorflow_device(memory_gb, threads)
    else:
        device, name, capability = {"jax": _jax_device, "torch": _torch_device}[backend]()
    if kind == "gpu" and device != "gpu":
        raise UserError(f"device asks for a GPU and {backend} sees none: use device=auto or device=cpu.")
    return device, name, capability


def _tensorflow_device(memory_gb: float | None, threads: int | None) -> tuple[str, str, float | None]:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    try:
        if threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
        for gpu in gpus:
            if memory_gb is None:
                tf.config.experimental.set_memory_growth(gpu, True)
            else:
                limit = tf.config.LogicalDeviceConfiguration(memory_limit=int(memory_gb * 1000**3 / 2**20))
                tf.config.set_logical_device_configuration(gpu, [limit])
    except RuntimeError:
        pass  # a later job of a sweep: the first one has set it, and TensorFlow cannot set it twice
    if not gpus:
        return "cpu", cpu_name(), None
    details = tf.config.experimental.get_device_details(gpus[0])
    major, minor = details.get("compute_capability", (8, 0))
    return "gpu", details.get("device_name", "GPU"), major + minor / 10


def _jax_device() -> tuple[str, str, float | None]:
    import jax

    first = jax.devices()[0]
    if first.platform == "cpu":
        return "cpu", cpu_name(), None
    return "gpu", first.device_kind, float(getattr(first, "compute_capability", 8.0))


def _torch_device() -> tuple[str, str, float | None]:
    import torch

    if not torch.cuda.is_available():
        return "cpu", cpu_name(), None
    major, minor = torch.cuda.get_device_capability()
    return "gpu", torch.cuda.get_device_name(), major + minor / 10


def cpu_name() -> str:
    """The processor's name with the number of cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_cpu_field('model name') or platform.processor() or platform.machine()}, {cores} cores"


def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware."""
    flags = _cpu_field("flags").split()
    return "amx_bf16" in flags or "avx512_bf16" in flags


def _cpu_field(name: str) -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
    except OSError:
        return ""
