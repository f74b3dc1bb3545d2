"""Write files that are either whole or absent, also after a kill or on a full disk.

Example:
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_json(folder / "result.json", {"rmse": 0.5, "mase": float("nan")})
    >>> print((folder / "result.json").read_text(), end="")
    {
      "rmse": 0.5,
      "mase": null
    }
"""

import errno
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsforecast.errors import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to ``path``, and move that file to ``path`` when the block succeeds.

    A reader, or a kill at any moment, sees the old file or the new one, never a part. After a failure the old file is
    untouched and the temporary one removed.

    Args:
        path: File to write; its folder exists. The temporary file has the same suffix.

    Raises:
        UserError: The disk is full or the file cannot be written.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "values.csv"
        >>> with atomic_path(target) as temporary:
        ...     _ = temporary.write_text("1,2")
        >>> target.read_text()
        '1,2'
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        flush_folder(path.parent)
    except OSError as error:
        raise write_error(path.parent, error) from error
    finally:
        temporary.unlink(missing_ok=True)  # already gone unless something failed


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``; see `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8; see `atomic_path`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: object) -> None:
    """Write ``value`` to ``path`` as indented JSON, with null for NaN and infinities; see `atomic_path`."""
    write_text(path, json.dumps(to_plain(value), indent=2, allow_nan=False) + "\n")


def append_line(path: Path, line: str) -> None:
    """Append one line to ``path`` and wait until it is on the disk.

    Raises:
        UserError: The disk is full or the file cannot be written.
    """
    try:
        with open(path, "a", encoding="utf-8", newline="\n") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise write_error(path.parent, error) from error


def remove_partial_files(folder: Path) -> None:
    """Remove the temporary files that killed processes left; only for the one process that writes in ``folder``."""
    for temporary in folder.glob(".*.part*"):
        temporary.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Wait until the names in ``folder`` are on the disk; until then, a rename is not."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def is_full(error: OSError) -> bool:
    """Return whether an error says that a disk is full."""
    return error.errno in _FULL


def write_error(folder: Path, error: OSError) -> UserError:
    """Return the error for a file in ``folder`` that could not be written, as one sentence."""
    if is_full(error):
        return UserError(
            f"The disk that holds {folder} is full: make room and resume the run; nothing already saved is lost."
        )
    reason = (error.strerror or str(error)).lower()
    return UserError(f"Cannot write in the folder {folder} ({reason}): choose a writable one.")


def flatten(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested mappings under their dotted keys.

    Example:
        >>> dict(flatten({"model": {"units": [8]}, "seed": 0}))
        {'model.units': [8], 'seed': 0}
    """
    if not isinstance(node, Mapping):
        yield prefix, node
        return
    for key, value in node.items():
        yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))


def to_plain(value: Any) -> Any:
    """Convert a value to what JSON can hold: NaN and infinities to None, NumPy values and paths to Python's.

    Example:
        >>> import numpy as np
        >>> to_plain({"rmse": np.float32(0.5), "by_step": np.array([1.0, np.nan])})
        {'rmse': 0.5, 'by_step': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_plain(item) for item in value]
    if isinstance(value, float):  # np.float64 as well
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, without importing NumPy
        return to_plain(value.tolist())
    return str(value)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def display_path(path: str | Path) -> Path:
    """Return a path as it is printed: relative to the working directory if it is below it, else absolute.

    Example:
        >>> display_path(Path.cwd() / "outputs" / "run") == display_path("outputs/run") == Path("outputs/run")
        True
        >>> display_path("/").is_absolute()
        True
    """
    absolute, here = Path(os.path.abspath(path)), Path.cwd()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute


def remove_if_empty(path: Path) -> None:
    """Remove the folder of a command that has left nothing in it."""
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
