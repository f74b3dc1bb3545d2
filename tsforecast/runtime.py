"""The global state of a job, set and reset in one place: backend, device, seed, precision and threads.

The jobs of a sweep share one process, so each job must set everything that another job may have set. Call
``initialize`` before anything else imports Keras.
"""

import ctypes
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata

from tsforecast import __version__
from tsforecast.errors import UserError, install_hint
from tsforecast.imports import pause_collection
from tsforecast.program_cache import enable_program_cache
from tsforecast.runtime_options import Policy

# Set before TensorFlow is imported: its start-up messages would hide ours.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


@dataclass(frozen=True)
class RuntimeInfo:
    """The device, precision and versions that a job runs with.

    Args:
        device: ``cpu`` or ``gpu``.
        device_name: Name of the processor or of the GPU.
        policy: Dtype policy of Keras, for example ``mixed_bfloat16``.
        versions: Version of Python and of each package that can change a figure.
        import_seconds: Seconds that loading the backend took; 0 if an earlier job of this process has loaded it.

    Example:
        >>> info = RuntimeInfo("cpu", "AMD EPYC, 2 cores", "float32", {"keras": "3.15.1"})
        >>> info.device
        'cpu'
    """

    device: str
    device_name: str
    policy: Policy
    versions: dict[str, str]
    import_seconds: float = 0.0


def initialize(
    *,
    backend: str,
    seed: int,
    policy: Policy,
    kind: str,
    memory_gb: float | None,
    threads: int | None,
    strategy: str = "single",
) -> RuntimeInfo:
    """Set the global state of a job and return what it runs with.

    Args:
        backend: ``tensorflow``, ``jax`` or ``torch``.
        seed: Random seed for Python, NumPy and the backend, at least 0.
        policy: ``float32``, ``mixed``, ``mixed_float16`` or ``mixed_bfloat16``; ``mixed`` is resolved for the device.
        kind: ``auto``, ``cpu`` or ``gpu``.
        memory_gb: Limit on GPU memory in GB (10^9 bytes), or None for no limit.
        threads: Number of CPU threads, or None for all that this process may use.
        strategy: ``single``, ``mirrored`` or ``multi_worker``, see ``distribution.create_strategy``.

    Raises:
        UserError: The backend is not installed, another backend is already loaded, or there is no such device.
    """
    _keep_freed_memory()
    is_first, began = "keras" not in sys.modules, time.monotonic()
    with quiet_stderr():
        if is_first and backend == "tensorflow":
            enable_program_cache(cpu_description(), threads)
        with pause_collection():
            _import_backend(backend, kind)
            import keras

        import_seconds = time.monotonic() - began if is_first else 0.0

        from tsforecast.distribution import create_strategy, set_strategy

        device, name, capability = _device(backend, kind, memory_gb, threads)
        distribution = create_strategy(strategy)  # before anything makes a tensor
    resolved = resolve_policy(policy, device, capability)
    keras.backend.clear_session(free_memory=not is_first)
    set_strategy(distribution)
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(resolved)
    return RuntimeInfo(device, name, resolved, versions(backend), import_seconds)


def resolve_policy(policy: Policy, device: str, capability: float | None) -> Policy:
    """Return the dtype policy for a device.

    Args:
        policy: Policy from the config; ``mixed`` becomes the half precision that the device supports in hardware.
        device: ``cpu`` or ``gpu``.
        capability: Compute capability of the GPU, None if unknown.

    Raises:
        UserError: ``mixed_bfloat16`` on a GPU that does not support bfloat16.

    Example:
        >>> resolve_policy("mixed", "gpu", 7.0)
        'mixed_float16'
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
    """Return the versions of Python, of this package and of the packages that can change a figure."""
    result = {"python": platform.python_version(), "tsforecast": __version__}
    for package in ("keras", backend, "numpy", "hydra-core"):
        try:
            result[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            result[package] = "not installed"
    return result


def peak_memory_mb() -> float | None:
    """Return the peak resident memory of this process so far, in MB (10^6 bytes); None where it is not known."""
    try:
        import resource
    except ImportError:  # on Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _keep_freed_memory() -> None:
    """Let glibc reuse up to 2 GB of freed memory for large blocks.

    By default glibc requests each large block from the system, which clears it page by page: a train step that needs
    100 MB for its activations spends more time on that than on its matrix products. A setting that is already in the
    environment (``MALLOC_MMAP_THRESHOLD_``, which memory measurements set) is not changed.
    """
    if "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return
    no_large_maps, trim_threshold = -4, -1  # M_MMAP_MAX and M_TRIM_THRESHOLD of malloc.h
    with suppress(OSError, AttributeError):  # other C libraries lack this call
        ctypes.CDLL(None).mallopt(no_large_maps, 0)
        ctypes.CDLL(None).mallopt(trim_threshold, 2**31 - 1)


def give_back_memory() -> None:
    """Return freed memory to the system. Otherwise glibc keeps the hundreds of MB that a compilation used."""
    with suppress(OSError, AttributeError):  # other C libraries lack this call and do not need it
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hide what native code writes to standard error unless the block fails.

    TensorFlow ignores the log level in its first messages.
    """
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as buffer:
        os.dup2(buffer.fileno(), 2)
        try:
            with warnings.catch_warnings():
                # Users cannot act on third-party warnings at import.
                warnings.simplefilter("ignore")
                yield
        except Exception as error:
            if not isinstance(error, UserError):
                buffer.seek(0)
                os.write(original, buffer.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


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
        raise UserError(f"backend={backend} is not installed ({error}): {install_hint(backend)}.") from error


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
        pass  # a later job of a sweep: the first job has set it, and TensorFlow allows that only once
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
    """Return the name of the processor with the number of cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_cpu_field('model name') or platform.processor() or platform.machine()}, {cores} cores"


def cpu_description() -> str:
    """Return the name, cores and instruction sets of the processor: what decides which programs run on it."""
    return f"{cpu_name()} {_cpu_field('flags')}"


def cpu_has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 in hardware."""
    flags = _cpu_field("flags").split()
    return "amx_bf16" in flags or "avx512_bf16" in flags


def _cpu_field(name: str) -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "")
    except OSError:
        return ""
