"""Opening a file: its first bytes show whether it is CSV or Parquet."""

from tsforecast.errors import UserError
from tsforecast.tables import csv_table
from tsforecast.tables.csv_table import CsvTable
from tsforecast.tables.file import DAMAGE, File
from tsforecast.tables.parquet_table import ParquetTable
from tsforecast.tables.table import NO_HINTS, Hints, Table


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
