"""One file as a source: its first bytes show whether it is CSV or Parquet."""

from dataclasses import dataclass
from pathlib import Path

from tsforecast.errors import UserError, nearest
from tsforecast.tables import csv_table
from tsforecast.tables.csv_table import CsvTable
from tsforecast.tables.file import DAMAGE, File
from tsforecast.tables.parquet_table import ParquetTable
from tsforecast.tables.table import NO_HINTS, Hints, Table


@dataclass(frozen=True)
class FileSource:
    """A CSV or Parquet file, also compressed as .gz, .xz, .zst or .bz2.

    Args:
        path: Path of the file, whatever its name.
    """

    path: str | Path

    @property
    def name(self) -> str:
        """Name of the series."""
        return Path(self.path).name.split(".")[0]

    def open(self, hints: Hints = NO_HINTS) -> Table:
        """Open the table.

        Raises:
            UserError: The file is missing, unreadable, damaged, empty or not a table.
        """
        path = Path(self.path).expanduser()
        _check_file(path)
        return open_file(File(str(path)), hints)


def open_file(file: File, hints: Hints = NO_HINTS) -> Table:
    """Open a file as the table that its first bytes show.

    Raises:
        UserError: The file is unreadable, damaged, empty or not a table.
    """
    try:
        with file.open() as stream:
            head = stream.read(csv_table.BLOCK_BYTES)
    except PermissionError as error:
        raise UserError(f"data.path: {file} cannot be read ({error.strerror}).") from None
    except DAMAGE as error:
        raise file.damage(error) from None
    if not head.strip(b" \t\r\n\x00"):
        raise UserError(f"data.path: {file} is empty.")
    return ParquetTable(file) if head[:4] == b"PAR1" else CsvTable(file, head, hints)


def _check_file(path: Path) -> None:
    if not path.exists():
        names = [file.name for file in path.parent.glob("*")] if path.parent.is_dir() else []
        raise UserError(f"data.path: there is no file {path}.{nearest(path.name, names)}")
    if not path.is_file():
        raise UserError(f"data.path: {path} is not a file: name the CSV or Parquet file itself.")
