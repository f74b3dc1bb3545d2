"""Files whose lines are written in different encodings."""

from collections.abc import Iterator
from typing import BinaryIO

from tsforecast.errors import UserError
from tsforecast.reading.dialect import shorten
from tsforecast.tables.file import File

BLOCK = 1 << 20  # bytes


def check_one_encoding(file: File) -> None:
    """Refuse a file of which some lines are UTF-8 and others are not, since one of them would be read as other text.

    Args:
        file: A file that is not in UTF-8 as a whole.

    Raises:
        UserError: Naming a line of each kind.
    """
    first: dict[bool, tuple[int, bytes]] = {}
    with file.open() as source:
        for number, line in _lines_beyond_ascii(source):
            first.setdefault(_is_utf8(line), (number, line))
            if len(first) == 2:
                break
        else:
            return
    (number, good), (other, bad) = first[True], first[False]
    raise UserError(
        f"data.path: {file} has lines in UTF-8 (line {number:,}, {shorten(good.decode())}) and lines in another"
        f" encoding (line {other:,}, {shorten(bad.decode('cp1252', 'replace'))}): save all of it in UTF-8."
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lines_beyond_ascii(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that have other characters than those of ASCII, and their numbers."""
    number, rest = 1, b""
    while block := source.read(BLOCK):
        block = rest + block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = block.rfind(b"\n") + 1
        lines, rest = block[:end], block[end:]
        if not lines.isascii():
            for offset, line in enumerate(lines.split(b"\n")):
                if not line.isascii():
                    yield number + offset, line
        number += lines.count(b"\n")
    if not rest.isascii():
        yield number, rest
