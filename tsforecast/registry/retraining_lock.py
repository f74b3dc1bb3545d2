"""One retraining run of a registry at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from tsforecast.errors import UserError

if TYPE_CHECKING:
    from tsforecast.registry.store import Registry

LOCK = "retraining.lock"  # file of the registry


@contextmanager
def lock_retraining(registry: Registry) -> Iterator[None]:
    """Let one run at a time retrain: two would write the same checkpoints, and both would replace the same champion.

    Args:
        registry: The registry.

    Raises:
        UserError: Another run has not ended within the time that a writer of the registry waits.
    """
    lock = FileLock(registry.path / LOCK, timeout=registry.wait_seconds)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"Another run retrains the champion of {registry.path}: start this one again when that one has ended."
        ) from None
    try:
        yield
    finally:
        lock.release()
