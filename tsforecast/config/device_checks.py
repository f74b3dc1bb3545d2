"""Checks of the device: strategy, precision, and whether it is there."""

import os

from tsforecast.config.schema import Config
from tsforecast.errors import UserError

# Jobs that compute nothing on the device that the config names: they plan for it, or look at what is there.
NO_DEVICE = ("plan", "doctor", "compare", "watch", "promote", "rollback")


def check_device(config: Config) -> None:
    """Check that the device can do what the config asks of it.

    Raises:
        UserError: It cannot, or there is no such device.
    """
    _check_strategy(config)
    _check_precision(config)
    gpus = ("/dev/nvidia0", "/dev/dxg", "/dev/kfd")
    needed = config.device.kind == "gpu" and config.job.name not in NO_DEVICE
    if needed and not any(map(os.path.exists, gpus)):
        raise UserError("device asks for a GPU and this machine shows none: use device=auto or device=cpu.")


def _check_strategy(config: Config) -> None:
    strategy, training = config.device.strategy, config.training
    if strategy == "single":
        return
    if config.backend != "tensorflow":
        raise UserError(f"device.strategy={strategy} needs backend=tensorflow: leave one of the two out.")
    if training.accumulate_steps > 1:
        raise UserError(
            f"device.strategy={strategy} cannot be combined with"
            f" training.accumulate_steps={training.accumulate_steps}:"
            " set training.accumulate_steps=1, as several devices hold a larger batch."
        )
    if strategy == "multi_worker" and training.max_minutes is not None:
        raise UserError(
            "device.strategy=multi_worker ends by steps, as the workers' clocks differ: "
            "set training.max_minutes=null and training.max_steps."
        )


def _check_precision(config: Config) -> None:
    capability = config.device.compute_capability
    if config.precision.policy == "mixed_bfloat16" and capability is not None and capability < 8.0:
        raise UserError(
            f"precision=mixed_bfloat16 needs compute capability 8.0, and this device has {capability:g} "
            "(a V100 has no bfloat16 units): use precision=mixed or precision=mixed_float16."
        )
