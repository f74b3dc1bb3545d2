"""A file whose content may be compressed."""

import lzma
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from pyarrow.fs import FileSystem, LocalFileSystem

from tsforecast.errors import UserError

COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
DAMAGE = (pa.ArrowException, OSError, EOFError, lzma.LZMAError)


@dataclass(frozen=True)
class File:
    """A file, whose first bytes show how it is compressed.

    Args:
        path: Path of the file within its file system.
        system: The file system; the local one by default.
        label: What messages call the file; its path by default.
    """

    path: str
    system: FileSystem = field(default_factory=LocalFileSystem)
    label: str = ""

    def __str__(self) -> str:
        return self.label or self.path

    def open(self) -> Any:
        """Return a binary stream of the decompressed content."""
        compression = self.compression()
        if compression == "xz":  # which Arrow does not know
            return lzma.open(self.open_raw())
        stream = self.system.open_input_stream(self.path, compression=None)
        return stream if compression is None else pa.CompressedInputStream(stream, compression)

    def open_raw(self) -> pa.NativeFile:
        """Return the content as it is stored, for reading anywhere in it."""
        return self.system.open_input_file(self.path)

    def compression(self) -> str | None:
        """Return how the whole file is compressed, or None."""
        with self.open_raw() as stream:
            first = stream.read(8)
        return next((name for magic, name in COMPRESSIONS.items() if first.startswith(magic)), None)

    def damage(self, error: Exception, what: str = "is damaged") -> UserError:
        """Return the error that says that the file cannot be read to its end."""
        system = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
        return UserError(
            f"data.path: {self} {what}: it cannot be read to its end{system}: copy or download it again."
        )
