"""A CSV file that grows: whole lines only, across rotation, truncation and restarts."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import BinaryIO

from tsforecast.errors import UserError
from tsforecast.feeds.batch import MAX_ROWS, Batch, Reader, Record
from tsforecast.reading.dialect import find_layout

BLOCK_BYTES = 1 << 20
TAIL_BYTES = 1 << 20  # of a file that is followed for the first time
CHECKED_BYTES = 64  # before the position, by which a file is recognized


class CsvFileFeed:
    """Follows a CSV file to which lines are appended.

    A line counts once its line break is there. When the file is renamed and a new one appears under its name, the old
    one is read to its end first; when it becomes shorter or other than what was read, it is read from its start. The
    position is stored with the rows, so that a restart neither loses nor repeats a line.

    Args:
        path: The file; it may appear later.
        position: What an earlier feed of this file stored; None for a new one, which begins with the last megabyte.
    """

    def __init__(self, path: str, position: str | None = None):
        self.path = Path(path).expanduser()
        self._file: BinaryIO | None = None
        self._head, self._offset, self._digest = b"", 0, ""
        self._stored = None if position is None else json.loads(position)

    def poll(self, reader: Reader) -> Batch | None:
        """Return the rows of new whole lines; None if there are none."""
        if self._is_cut():
            self.close()
        if self._file is None and not self._open(self._stored is None):
            return None
        lines = self._read_lines()
        if not lines and self._is_replaced():
            rest = self._read(BLOCK_BYTES)  # the last line of a file that is finished
            self.close()
            lines = [rest + b"\n"] if rest.strip() else []
            self._offset += len(rest)
        if not lines:
            return None
        batch = _read(self._head, lines, reader, str(self.path))
        batch.position = self._position()
        return batch

    def confirm(self, batch: Batch) -> None:
        """Do nothing: the position is stored with the rows."""

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file, self._stored = None, {}

    def _open(self, is_first: bool) -> bool:
        """Open the file at the position to continue from; return whether it is there and has a header."""
        try:
            file = open(self.path, "rb")  # noqa: SIM115
        except FileNotFoundError:
            return False
        except OSError as error:
            raise UserError(f"serve.feed: {self.path} cannot be read ({error.strerror}).") from None
        try:
            head = _read_head(file, str(self.path))
        except UserError:
            file.close()
            raise
        if not head:
            file.close()
            return False
        self._file, self._head, self._offset = file, head, len(head)
        size, stored = os.fstat(file.fileno()).st_size, self._stored or {}
        if stored and stored["inode"] == self._inode() and self._check(stored["offset"]) == stored["check"]:
            self._offset = stored["offset"]
        elif is_first and size - TAIL_BYTES > self._offset:
            file.seek(size - TAIL_BYTES)
            file.readline()
            self._offset = file.tell()
        self._digest = self._check(self._offset)
        return True

    def _is_cut(self) -> bool:
        """Return whether the open file is shorter or other than what was read of it."""
        if self._file is None:
            return False
        size = os.fstat(self._file.fileno()).st_size
        return (
            size < self._offset
            or self._read_start() != self._head
            or self._check(self._offset) != self._digest
        )

    def _read_lines(self) -> list[bytes]:
        """Return the next whole lines, and move the position behind them."""
        block = self._read(BLOCK_BYTES)
        lines = block[: block.rfind(b"\n") + 1].splitlines(keepends=True)[:MAX_ROWS]
        if len(block) == BLOCK_BYTES and not lines:
            raise UserError(f"serve.feed: {self.path} has a line of more than {BLOCK_BYTES:,} bytes.")
        self._offset += sum(map(len, lines))
        self._digest = self._check(self._offset)
        return [line for line in lines if line.strip()]

    def _read(self, count: int) -> bytes:
        if self._file is None:
            return b""
        self._file.seek(self._offset)
        return self._file.read(count)

    def _is_replaced(self) -> bool:
        """Return whether another file has the name now."""
        if self._file is None:
            return False
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return False
        return status.st_ino != self._inode()

    def _read_start(self) -> bytes:
        if self._file is None:
            return b""
        self._file.seek(0)
        return self._file.read(len(self._head))

    def _inode(self) -> int:
        return 0 if self._file is None else os.fstat(self._file.fileno()).st_ino

    def _check(self, offset: int) -> str:
        if self._file is None:
            return ""
        first = max(0, offset - CHECKED_BYTES)
        self._file.seek(first)
        return hashlib.sha256(self._file.read(offset - first)).hexdigest()[:16]

    def _position(self) -> str:
        return json.dumps({"inode": self._inode(), "offset": self._offset, "check": self._digest})


def _read_head(file: BinaryIO, name: str) -> bytes:
    """Return the lines above the first row; nothing while the header is not complete."""
    head = file.read(BLOCK_BYTES)
    if b"\0" in head:
        raise UserError(f"serve.feed: {name} is not text in UTF-8 or Latin-1, which can be followed.")
    if b"\n" not in head:
        return b""
    layout = find_layout(name, head[: head.rfind(b"\n") + 1], None)
    return b"".join(head.splitlines(keepends=True)[: layout.skip])


def _read(head: bytes, lines: list[bytes], reader: Reader, name: str) -> Batch:
    """Return the rows of lines; a line that cannot be read is left out."""
    try:
        return Batch(reader.read_csv(head + b"".join(lines)).records)
    except UserError as error:
        if len(lines) == 1:
            shown = lines[0].decode(errors="replace").strip()[:80]
            return Batch([], problems=[f"{name}: the line {shown!r} was left out: {error}"])
    records: list[Record] = []
    problems: list[str] = []
    middle = len(lines) // 2
    for part in (lines[:middle], lines[middle:]):
        batch = _read(head, part, reader, name)
        records += batch.records
        problems += batch.problems
    return Batch(records, problems=problems)
