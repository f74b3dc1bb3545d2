"""Folders of files that are found by a key, built by one process, and complete or absent."""

import contextlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tsforecast.errors import UserError
from tsforecast.files import flush_folder, is_full

CONTENTS = "contents.json"  # written last: sizes and checksums of all files, and what the entry is
SAMPLES = 64  # places of a file at which its content is checked
SAMPLE_BYTES = 1 << 16


def find_or_build(
    folder: Path, key: str, build: Callable[[Path], dict[str, Any]]
) -> tuple[Path, dict[str, Any]]:
    """Return the folder of an entry and what describes it; build it if it is not there or damaged.

    One process builds an entry, and others that need it wait. Until it is complete it has another name, so that a
    killed process leaves nothing that could be taken for it.

    Args:
        folder: Folder of all entries.
        key: Key of the entry.
        build: Writes the files of the entry into a folder, and returns what describes it, as JSON can hold it.

    Raises:
        UserError: The folder cannot be written, or its disk is full.
    """
    path = folder / key
    entry = read_entry(path)
    if entry is not None:
        return path, entry
    with _writing(folder), _lock(folder, key):
        entry = read_entry(path)  # another process may have built it meanwhile
        if entry is not None:
            return path, entry
        if path.exists():
            print(f"Warning: {path} is damaged and is built again.", flush=True)
            shutil.rmtree(path)
        for left in folder.glob(f".{key}.*.part"):  # of processes that were killed
            shutil.rmtree(left, ignore_errors=True)
        return path, _build(folder, key, build)


def read_entry(path: Path) -> dict[str, Any] | None:
    """Return what describes an entry, or None if it is absent, incomplete or damaged."""
    try:
        contents = json.loads((path / CONTENTS).read_text(encoding="utf-8"))
        intact = all(
            (path / name).stat().st_size == size and _checksum(path / name) == checksum
            for name, (size, checksum) in contents["files"].items()
        )
        if intact:
            os.utime(path / CONTENTS)  # shows when it was used last
        description: dict[str, Any] = contents["description"]
        return description if intact else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _build(folder: Path, key: str, build: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    temporary = folder / f".{key}.{os.getpid()}.part"
    temporary.mkdir()
    try:
        description = build(temporary)
        files = {}
        for path in sorted(temporary.iterdir()):
            with open(path, "rb") as file:
                os.fsync(file.fileno())
            files[path.name] = path.stat().st_size, _checksum(path)
        with open(temporary / CONTENTS, "w", encoding="utf-8") as text:
            json.dump({"files": files, "description": description}, text)
            text.flush()
            os.fsync(text.fileno())
        temporary.rename(folder / key)
        flush_folder(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # already gone unless something failed
    return description


def _checksum(path: Path) -> int:
    """Return a checksum of pieces spread over a file, its first and last ones among them."""
    size, result = path.stat().st_size, 0
    last = max(0, size - SAMPLE_BYTES)
    with open(path, "rb", buffering=0) as file:
        for offset in sorted({last * number // (SAMPLES - 1) for number in range(SAMPLES)}):
            file.seek(offset)
            result = zlib.crc32(file.read(SAMPLE_BYTES), result)
    return result


@contextlib.contextmanager
def _lock(folder: Path, key: str) -> Iterator[None]:
    """Wait until no other process builds this entry; a process that ends, however it does, lets go of it."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / f".{key}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print("Another process writes the cache of these data; waiting for it.", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Report a folder that cannot be written in one sentence."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if is_full(error):
            raise UserError(
                f"The disk that holds the cache {folder} is full: make room, choose another folder with"
                " data.cache_folder, or set data.cache=false if the data fit into memory."
            ) from error
        raise UserError(
            f"The cache cannot be written to {folder} ({(error.strerror or str(error)).lower()}): choose another"
            " folder with data.cache_folder."
        ) from error
