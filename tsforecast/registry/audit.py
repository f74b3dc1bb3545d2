"""The audit log of a registry: who added, promoted or rolled back which version, when, and why.

``audit.jsonl`` only grows. Each line has the SHA-256 of the line before it, so that a line that is changed, removed or
inserted is noticed. Moves of the champion that a kill kept out of the log are added at the next write.
"""

import getpass
import hashlib
import json
import os
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tsforecast.errors import UserError

FILE = "audit.jsonl"
START = "0" * 64  # hash before the first line
Entry = dict[str, Any]


class AuditLog:
    """The log of one registry; writers hold the lock of the registry.

    Args:
        folder: Folder of the registry.

    Example:
        >>> import tempfile
        >>> log = AuditLog(Path(tempfile.mkdtemp()))
        >>> log.append("promote", version="v0001", why="the first one")
        >>> [(entry["action"], entry["version"]) for entry in log.read()]
        [('promote', 'v0001')]
    """

    def __init__(self, folder: Path):
        self.path = folder / FILE

    def append(self, action: str, **fields: Any) -> None:
        """Add an entry, and wait until it is on the disk.

        Args:
            action: ``add``, ``promote`` or ``rollback``.
            fields: What it was about, such as ``version`` and ``why``.
        """
        self._remove_incomplete_line()
        lines = self._lines()
        previous = _hash(lines[-1]) if lines else START
        entry = {"at": _now(), "action": action, **fields, **_actor(), "previous": previous}
        with open(self.path, "ab") as file:
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def complete(self, moves: Sequence[Mapping[str, Any]]) -> None:
        """Add the moves of the champion that are later than all in the log.

        A line that was changed is passed over, since the champion must not depend on it; ``read`` says where it is.

        Args:
            moves: ``version``, ``at`` and ``why`` of each, the oldest first.
        """
        logged = [entry for entry in map(_parse, self._lines()) if entry is not None and "moved_at" in entry]
        known = {(entry.get("version"), entry["moved_at"]) for entry in logged}
        last = str(logged[-1]["moved_at"]) if logged else ""
        for move in moves:
            if move["at"] >= last and (move["version"], move["at"]) not in known:
                self.append("recover", version=move["version"], moved_at=move["at"], why=move["why"])

    def read(self, newest: int | None = None) -> list[Entry]:
        """Return the entries, the oldest first, after a check of their hashes.

        Args:
            newest: Number of entries; None for all.

        Raises:
            UserError: A line was changed, removed or inserted.
        """
        entries, previous = [], START
        for number, line in enumerate(self._lines(), start=1):
            entry = _parse(line)
            if entry is None or entry.get("previous") != previous:
                raise UserError(
                    f"Line {number} of {self.path} does not follow from the line before it: the log was changed."
                )
            entries.append(entry)
            previous = _hash(line)
        return entries if newest is None else entries[-newest:]

    def _lines(self) -> list[bytes]:
        if not self.path.is_file():
            return []
        return [line for line in self.path.read_bytes().split(b"\n")[:-1] if line]

    def _remove_incomplete_line(self) -> None:
        """Remove what a kill left of a line, which was never acknowledged."""
        if self.path.is_file():
            content = self.path.read_bytes()
            end = content.rfind(b"\n") + 1
            if end < len(content):
                with open(self.path, "r+b") as file:
                    file.truncate(end)


def _parse(line: bytes) -> Entry | None:
    """Return the entry of a line; None if it is none."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _actor() -> dict[str, Any]:
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for this user
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return {"user": user, "host": socket.gethostname(), "process": os.getpid()}


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
