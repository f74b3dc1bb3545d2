"""Files that are whole or absent after a kill at any point, their hashes, and a lock between processes."""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tsforecast.errors import UserError
from tsforecast.files import flush_folder

_POLL_SECONDS = 0.05


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_new(path: Path, content: bytes | Path) -> None:
    """Writes bytes, or a copy of a file, and waits until they are on the disk; the file becomes read-only."""
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
    """Renames a folder that is complete, so that ``target`` is there as a whole or not at all."""
    flush_folder(source)
    os.rename(source, target)
    flush_folder(target.parent)


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Holds an exclusive lock on a file; the system gives it back when its holder ends, however that ends.

    Args:
        path: of the lock file, made if it is not there.
        seconds: to wait for another holder.

    Raises:
        UserError: another process still holds it after that time.
    """
    import fcntl  # not on Windows: there only writers need it

    end = time.monotonic() + seconds
    with open(path, "a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise UserError(
                        f"Another process has held {path} for {seconds:g} s: wait until it ends, then try again."
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield
