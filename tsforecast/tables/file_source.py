"""Files as a source: one file, a folder, a pattern, or a URL of an object store."""

from dataclasses import dataclass
from pathlib import Path

from tsforecast.tables.folder import FolderTable
from tsforecast.tables.locations import find_files
from tsforecast.tables.opening import open_file
from tsforecast.tables.table import NO_HINTS, Hints, Table


@dataclass(frozen=True)
class FileSource:
    """CSV or Parquet files, also compressed as .gz, .xz, .zst or .bz2.

    Args:
        path: Path of a file, whatever its name; of a folder; a pattern with ``*``; or a URL of one of these.
    """

    path: str | Path

    @property
    def name(self) -> str:
        """Name of the series: that of the file or folder."""
        parts = str(self.path).partition("?")[0].rstrip("/").split("/")
        plain = [part for part in parts if "*" not in part and "[" not in part]
        return (plain or ["files"])[-1].split(".")[0] or "files"

    def open(self, hints: Hints = NO_HINTS) -> Table:
        """Open the table.

        Raises:
            UserError: There is no file; or one is unreadable, damaged, empty, not a table, or unlike the others.
        """
        listing = find_files(str(self.path))
        if not listing.is_folder:
            return open_file(listing.files[0], hints)
        return FolderTable(str(self.path), listing.files, listing.folders, hints, listing.notes)
