"""Hashes of the content of files, remembered as long as the files do not change."""

import contextlib
import hashlib
import json
import time
from pathlib import Path
from typing import Any

BLOCK = 1 << 20
SETTLED_SECONDS = 2.0  # a file that changed this recently may change again without another time stamp


def content_hash(path: Path, folder: Path) -> str:
    """Return 32 hex digits of the SHA-256 of a file's content, wherever the file is.

    Args:
        path: The file.
        folder: Where the hash is kept, together with size, inode and times of the file.
    """
    facts = _facts(path)
    memory = folder / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]}.hash"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads(memory.read_text(encoding="utf-8"))
        if stored["facts"] == facts:
            return str(stored["hash"])
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    result = digest.hexdigest()[:32]
    if facts == _facts(path) and time.time() - path.stat().st_ctime > SETTLED_SECONDS:
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            memory.write_text(json.dumps({"facts": facts, "hash": result}), encoding="utf-8")
    return result


def _facts(path: Path) -> list[Any]:
    stat = path.stat()
    return [stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]
