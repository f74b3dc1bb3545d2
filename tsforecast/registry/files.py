"""Files of a version: written once and read-only, hashed, moved as a whole; and a lock between processes."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tsforecast.errors import UserError
from tsforecast.files import flush_folder

_POLL_SECONDS = 0.05


def write_new(path: Path, content: bytes | Path) -> None:
    """Write bytes, or a copy of a file, and wait until they are on the disk; the file becomes read-only.

    Args:
        path: File to write.
        content: Its bytes, or the file to copy.
    """
    with open(path, "wb") as file:
        if isinstance(content, Path):
            with open(content, "rb") as source:
                shutil.copyfileobj(source, file)
        else:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o444)


def move_folder(source: Path, target: Path) -> None:
    """Rename a complete folder, so that ``target`` exists as a whole or not at all."""
    flush_folder(source)
    os.rename(source, target)
    flush_folder(target.parent)


@contextmanager
def file_lock(path: Path, seconds: float) -> Iterator[None]:
    """Hold an exclusive lock on a file; the system releases it when its holder ends, however that ends.

    Args:
        path: Lock file, created if it does not exist.
        seconds: Seconds to wait for another holder.

    Raises:
        UserError: Another process still holds it after that time.
    """
    lock = FileLock(path, timeout=seconds)
    try:
        lock.acquire(poll_interval=_POLL_SECONDS)
    except Timeout:
        raise UserError(
            f"Another process has held {path} for {seconds:g} s: wait until it ends, then try again."
        ) from None
    try:
        yield
    finally:
        lock.release()
