"""Collect the facts about this machine that the doctor judges."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from tsforecast import runtime
from tsforecast.planning import machine
from tsforecast.planning.doctor import MachineFacts

CUDNN_PACKAGES = ("nvidia-cudnn-cu12", "nvidia-cudnn-cu11", "nvidia-cudnn-cu13")


def collect_facts(folder: Path) -> MachineFacts:
    """Return the facts about this machine. Imports TensorFlow.

    Args:
        folder: Folder that runs are written to.
    """
    build, visible = tensorflow_build()
    return MachineFacts(
        python=platform.python_version(),
        tensorflow=package_version("tensorflow"),
        cuda=build.get("cuda_version"),
        cudnn_built=build.get("cudnn_version"),
        cudnn=next(filter(None, map(package_version, CUDNN_PACKAGES)), None) or find_cudnn_library(),
        capabilities=tuple(build.get("cuda_compute_capabilities", ())),
        gpus=tuple(machine.list_gpus()),
        visible_gpus=visible,
        cpu=runtime.cpu_name(),
        cpu_bfloat16=runtime.cpu_has_bfloat16(),
        memory=machine.system_memory(),
        disk=machine.free_disk_bytes(folder),
        wandb=describe_wandb(),
    )


def package_version(package: str) -> str | None:
    """Return the installed version of a package, None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def tensorflow_build() -> tuple[dict[str, Any], int]:
    """Return the build information of TensorFlow and the number of GPUs that it sees."""
    if package_version("tensorflow") is None:
        return {}, 0
    with runtime.quiet_stderr():
        import tensorflow as tf

        return dict(tf.sysconfig.get_build_info()), len(tf.config.list_physical_devices("GPU"))


def find_cudnn_library() -> str | None:
    """Return the version of a cuDNN that was not installed with pip, as the library itself reports it."""
    import ctypes

    for name in ("libcudnn.so.9", "libcudnn.so.8"):
        try:
            number = ctypes.CDLL(name).cudnnGetVersion()
        except (OSError, AttributeError):
            continue
        thousands = 10_000 if number >= 90_000 else 1_000  # 9.10.2 is 91002, 8.9.7 is 8907
        return f"{number // thousands}.{number % thousands // 100}.{number % 100}"
    return None


def describe_wandb() -> str:
    """Return what ``tracker=wandb`` does on this machine."""
    installed = package_version("wandb")
    if installed is None:
        return "not installed; use tracker=none"
    mode = os.environ.get("WANDB_MODE")
    if mode:
        return f"{installed}, WANDB_MODE={mode}"
    from tsforecast.tracking.wandb_account import find_key

    return f"{installed}, " + ("online: a key was found" if find_key() else "offline: no key was found")
