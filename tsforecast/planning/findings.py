"""The probes behind ``doctor.Facts``: each asks one thing and answers None or nothing where it is not there."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from tsforecast import runtime
from tsforecast.planning import machine
from tsforecast.planning.doctor import Facts

CUDNN_PACKAGES = ("nvidia-cudnn-cu12", "nvidia-cudnn-cu11", "nvidia-cudnn-cu13")


def gather(folder: Path) -> Facts:
    """All facts about this machine; imports TensorFlow.

    Args:
        folder: where runs are written.
    """
    build, visible = tensorflow_build()
    return Facts(
        python=platform.python_version(),
        tensorflow=version("tensorflow"),
        cuda=build.get("cuda_version"),
        cudnn_built=build.get("cudnn_version"),
        cudnn=next(filter(None, map(version, CUDNN_PACKAGES)), None) or loaded_cudnn(),
        capabilities=tuple(build.get("cuda_compute_capabilities", ())),
        cards=tuple(machine.cards()),
        visible_gpus=visible,
        cpu=runtime.cpu_name(),
        cpu_bfloat16=runtime.cpu_has_bfloat16(),
        memory=machine.memory_bytes(),
        disk=machine.disk_free_bytes(folder),
        wandb=wandb_state(),
    )


def version(package: str) -> str | None:
    """The installed version of a package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def tensorflow_build() -> tuple[dict[str, Any], int]:
    """How TensorFlow was built, and how many GPUs it sees."""
    if version("tensorflow") is None:
        return {}, 0
    with runtime.quiet_stderr():
        import tensorflow as tf

        return dict(tf.sysconfig.get_build_info()), len(tf.config.list_physical_devices("GPU"))


def loaded_cudnn() -> str | None:
    """The version of a cuDNN that came by other ways than pip, asked of the library itself."""
    import ctypes

    for name in ("libcudnn.so.9", "libcudnn.so.8"):
        try:
            number = ctypes.CDLL(name).cudnnGetVersion()
        except (OSError, AttributeError):
            continue
        thousands = 10_000 if number >= 90_000 else 1_000  # 9.10.2 is 91002, 8.9.7 is 8907
        return f"{number // thousands}.{number % thousands // 100}.{number % 100}"
    return None


def wandb_state() -> str:
    """What ``tracker=wandb`` will do here."""
    installed = version("wandb")
    if installed is None:
        return "not installed; use tracker=none"
    mode = os.environ.get("WANDB_MODE")
    if mode:
        return f"{installed}, WANDB_MODE={mode}"
    from tsforecast.tracking.wandb_account import key_found

    return f"{installed}, " + ("online: a key was found" if key_found() else "offline: no key was found")
