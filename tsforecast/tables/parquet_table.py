"""Parquet files, read in pieces."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from tsforecast.errors import UserError
from tsforecast.tables import table as limits
from tsforecast.tables.file import DAMAGE, File
from tsforecast.tables.pandas_index import name_columns
from tsforecast.tables.table import REPEATED, Table, is_wanted
from tsforecast.tables.types import plain_table

DAMAGED_CONTENT = (*DAMAGE, UnicodeError, OverflowError)
DAMAGED = "is a damaged Parquet file"
VALUE_BYTES = 8  # of a value in memory
SMALL_BYTES = 4 << 30  # that the rows of any file may take; a constant column is packed to nearly nothing
MAX_RATIO = 1000  # of bytes in memory to bytes of a larger file
BUFFER_BYTES = 1 << 20  # of each column; without buffers, Arrow keeps whatever it has read of a file


class ParquetTable(Table):
    """A Parquet file, read in pieces.

    Args:
        file: The file, whose whole content may be compressed once more.

    Raises:
        UserError: The file is damaged.
    """

    def __init__(self, file: File):
        self.label, self._source = str(file), file
        try:
            raw = pa.BufferReader(file.open().read()) if file.compression() else file.open_raw()
            checked = {"page_checksum_verification": True}
            self._file = pq.ParquetFile(raw, buffer_size=BUFFER_BYTES, pre_buffer=False, **checked)
            self._check_sizes(raw.size())
        except DAMAGED_CONTENT as error:
            raise file.damage(error, DAMAGED) from None
        self._names, self.repeated, self.notes = name_columns(self._file.schema_arrow)
        self.columns = tuple(name for name in self._names if REPEATED not in name)
        self.rows = self._file.metadata.num_rows

    def _check_sizes(self, size: int) -> None:
        """Refuse a file that states other rows than its parts, or far more than it can have."""
        metadata = self._file.metadata
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        if metadata.num_rows != sum(group.num_rows for group in groups):
            raise UserError(
                f"data.path: {self._source} {DAMAGED}: it states {metadata.num_rows:,} rows, and its parts others: copy"
                " or download it again."
            )
        memory = VALUE_BYTES * metadata.num_rows * metadata.num_columns
        if max(memory, sum(group.total_byte_size for group in groups)) > SMALL_BYTES + MAX_RATIO * size:
            raise UserError(
                f"data.path: {self._source} states {metadata.num_rows:,} rows in {size:,} bytes, far more than any"
                " measured data have: take a file that you trust."
            )

    def head(self) -> pa.Table:
        """Return the first rows."""
        empty = self._file.schema_arrow.empty_table().rename_columns(self._names)
        return next(self.pieces(), plain_table(empty.select(list(self.columns))))

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows, some at a time, with all columns or those named."""
        raw = self._file.schema_arrow.names
        clean = {raw: name for raw, name in zip(raw, self._names, strict=True) if is_wanted(name, columns)}
        try:
            for batch in self._file.iter_batches(limits.BATCH_ROWS, columns=list(clean)):
                table = pa.Table.from_batches([batch])
                yield plain_table(table.rename_columns([clean[name] for name in table.column_names]))
        except DAMAGED_CONTENT as error:
            raise self._source.damage(error, DAMAGED) from None

    def table(self) -> pa.Table:
        """Return all rows."""
        try:
            return plain_table(self._file.read().rename_columns(self._names).select(list(self.columns)))
        except DAMAGED_CONTENT as error:
            raise self._source.damage(error, DAMAGED) from None
