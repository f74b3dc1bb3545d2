"""The process that W&B's client hands its records to, which may have ended while its address is still known."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import wandb

T = TypeVar("T")
# What the client raises when the service has ended; it keeps the dead connection.
ERRORS = ("WandbServiceConnectionError", "MailboxClosedError", "ConnectionResetError", "BrokenPipeError")


def with_service(ask: Callable[[], T]) -> T:
    """Return what ``ask`` returns; if the service it needs has ended, let go of that one and start another.

    Args:
        ask: A call of W&B's client.

    Example:
        >>> with_service(lambda: 1)
        1
    """
    try:
        return ask()
    except Exception as error:
        if type(error).__name__ not in ERRORS:
            raise
    import wandb

    with suppress(Exception):
        wandb.teardown()
    os.environ.pop("WANDB_SERVICE", None)  # the address of the dead process, perhaps inherited
    return ask()


def read_settings() -> "wandb.Settings":
    """Return the settings of W&B on this machine."""
    import wandb

    return with_service(lambda: wandb.setup(settings=wandb.Settings(silent=True))).settings
