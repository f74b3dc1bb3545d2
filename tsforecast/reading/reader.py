"""The reader of CSV and Parquet files, compressed or not: training joins the pieces that prediction streams."""

import lzma
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from tsforecast.errors import UserError, nearest
from tsforecast.reading.arrow import floats
from tsforecast.reading.cells import MISSING, NUMBER, as_numbers
from tsforecast.reading.selection import Condition
from tsforecast.reading.time_search import sounds_like_time
from tsforecast.reading.timestamps import TimeFormat

BLOCK_BYTES = 1 << 20  # CSV text in a piece, and at the head of a file, which decides what its columns hold
BATCH_ROWS = 65_536  # rows of Parquet in a piece
SAMPLE = 65_536  # bytes in which the encoding, the separator and the decimal mark are looked for
COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
UNNAMED = r"column_\d+"  # name of a column that has none
DAMAGE = (OSError, EOFError, lzma.LZMAError)


class Rows(NamedTuple):
    """Some rows as they are in a file: ``time [N]`` datetime64[ns], and feature -> ``[N]`` float64."""

    time: np.ndarray
    columns: dict[str, np.ndarray]


class Dialect(NamedTuple):
    """How a CSV file is written."""

    encoding: str
    separator: str
    decimal: str


class ParquetTable:
    """A Parquet file, read in pieces.

    Args:
        path: Path of the file.
        compressed: Whether the whole file is compressed once more.

    Raises:
        UserError: The file is damaged.
    """

    dialect = None

    def __init__(self, path: Path, compressed: bool):
        self.path = path
        try:
            source = pa.BufferReader(_open(path).read()) if compressed else str(path)
            self._file = pq.ParquetFile(source)
        except (pa.ArrowException, *DAMAGE) as error:
            raise _damaged(path, error, "is a damaged Parquet file") from None
        self.columns = tuple(_clean_names(path, self._file.schema_arrow.names))

    def head(self) -> pa.Table:
        """Return the first rows."""
        return next(self.pieces(), self._file.schema_arrow.empty_table().rename_columns(list(self.columns)))

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows, some at a time, with all columns or those named."""
        names = self._file.schema_arrow.names
        wanted = [raw for raw, name in zip(names, self.columns, strict=True) if _is_wanted(name, columns)]
        clean = dict(zip(names, self.columns, strict=True))
        try:
            for batch in self._file.iter_batches(BATCH_ROWS, columns=wanted):
                table = pa.Table.from_batches([batch])
                yield table.rename_columns([clean[name] for name in table.column_names])
        except (pa.ArrowException, OSError) as error:
            raise _damaged(self.path, error, "is a damaged Parquet file") from None

    def table(self) -> pa.Table:
        """Return all rows."""
        try:
            return self._file.read().rename_columns(list(self.columns))
        except (pa.ArrowException, OSError) as error:
            raise _damaged(self.path, error, "is a damaged Parquet file") from None


class CsvTable:
    """A CSV file with a header line, read in pieces.

    The separator is a comma, semicolon, tab or bar; the encoding is UTF-8, UTF-16 with a byte order mark, or Latin-1.
    Decimal commas are recognized unless the separator is a comma. The first rows decide the type of each column; if a
    later value does not fit, its column becomes text from there on.

    Args:
        path: Path of the file.
        head: The first bytes of its text.
        exact: Columns whose whole numbers are kept as such, for times.
        like: Dialect whose decimal mark counts if the separator is the same.

    Raises:
        UserError: The file does not hold a table, or it has no header.
    """

    def __init__(self, path: Path, head: bytes, exact: Sequence[str] = (), like: Dialect | None = None):
        self.path = path
        self.dialect = _find_dialect(path, head[:SAMPLE])
        if like is not None and like.separator == self.dialect.separator:
            self.dialect = self.dialect._replace(decimal=like.decimal)
        text = head.decode(self.dialect.encoding, errors="replace")
        if len(head) >= BLOCK_BYTES and "\n" in text:
            text = text[: text.rindex("\n") + 1]
        try:
            table = pyarrow.csv.read_csv(pa.BufferReader(text.encode()), **self._options({}, "utf8"))
        except pa.ArrowException as error:
            raise _irregular(path, error) from None
        self._names = table.column_names
        self.columns = tuple(_clean_names(path, self._names))
        if all(re.match(NUMBER, name) for name in self.columns):
            raise UserError(f"data.path: {path} has no header: name its columns in a first line.")
        exact = [name for name in self.columns if name in exact or sounds_like_time(name)]
        self._types = {
            raw: _type(kind, name in exact)
            for raw, name, kind in zip(self._names, self.columns, table.schema.types, strict=True)
        }
        self._head = table.rename_columns(list(self.columns))

    def head(self) -> pa.Table:
        """Return the first rows."""
        return self._head

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows, some at a time, with all columns or those named."""
        clean = dict(zip(self._names, self.columns, strict=True))
        wanted = [raw for raw, name in clean.items() if _is_wanted(name, columns)]
        done = 0
        while True:
            skip = done  # rows that were yielded before a column became text
            try:
                for batch in self._batches(wanted):
                    table = pa.Table.from_batches([batch]).slice(skip)
                    skip -= min(skip, batch.num_rows)
                    done += table.num_rows
                    yield table.rename_columns([clean[name] for name in table.column_names])
                return
            except (pa.ArrowInvalid, UnicodeDecodeError) as error:
                self._adapt(error, wanted)
            except DAMAGE as error:
                raise _damaged(self.path, error) from None

    def table(self) -> pa.Table:
        """Return all rows."""
        while True:
            decided = self.dialect, dict(self._types)
            pieces = list(self.pieces())
            if decided == (self.dialect, self._types):
                return pa.concat_tables(pieces) if pieces else self._head.slice(0, 0)

    def _batches(self, wanted: list[str]) -> Iterator[pa.RecordBatch]:
        with _open(self.path) as source:
            yield from pyarrow.csv.open_csv(
                source, **self._options(self._types, self.dialect.encoding, include_columns=wanted)
            )

    def _options(self, types: dict[str, pa.DataType], encoding: str, **convert: Any) -> dict[str, Any]:
        return {
            "read_options": pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES, encoding=encoding),
            "parse_options": pyarrow.csv.ParseOptions(delimiter=self.dialect.separator),
            "convert_options": pyarrow.csv.ConvertOptions(
                null_values=MISSING,
                strings_can_be_null=True,
                decimal_point=self.dialect.decimal,
                column_types=types,
                **convert,
            ),
        }

    def _adapt(self, error: Exception, wanted: list[str]) -> None:
        """Take a column as text, or the file as Latin-1, when a value does not fit.

        Raises:
            UserError: The lines differ in their number of values.
        """
        if isinstance(error, UnicodeDecodeError) or "invalid UTF8" in str(error):
            self.dialect = self.dialect._replace(encoding="latin-1")
            return
        match = re.match(r"In CSV column #(\d+): CSV conversion error to (\S+):", str(error))
        if match is None:
            raise _irregular(self.path, error) from None
        name = self._names[int(match[1])]
        self._types[name] = pa.float64() if self._types[name] == pa.int64() else pa.string()


def open_table(
    path: str | Path, exact: Sequence[str] = (), like: Dialect | None = None
) -> CsvTable | ParquetTable:
    """Open a CSV or Parquet file, also compressed as .gz, .xz, .zst or .bz2; its first bytes show which it is.

    Args:
        path: Path of the file, whatever its name.
        exact: Columns whose whole numbers are kept as such, for times.
        like: Dialect of the training data, whose decimal mark counts in a file with the same separator.

    Raises:
        UserError: The file is missing, unreadable, damaged, empty or no table.
    """
    path = Path(path).expanduser()
    _check_file(path)
    try:
        with open(path, "rb") as file:
            compressed = _compression(file.read(8)) is not None
        with _open(path) as source:
            head = source.read(BLOCK_BYTES)
    except PermissionError as error:
        raise UserError(f"data.path: {path} cannot be read ({error.strerror}).") from None
    except DAMAGE as error:
        raise _damaged(path, error) from None
    if not head.strip(b" \t\r\n\x00"):
        raise UserError(f"data.path: {path} is empty.")
    return ParquetTable(path, compressed) if head[:4] == b"PAR1" else CsvTable(path, head, exact, like)


def stream_rows(
    table: CsvTable | ParquetTable, features: Sequence[str], time: TimeFormat, where: str = ""
) -> Iterator[Rows]:
    """Yield the rows of a file piece by piece, in memory that does not grow with the file.

    Args:
        table: The open file.
        features: Columns to read as numbers.
        time: How its times are written.
        where: Condition that selects the rows, empty for all.

    Raises:
        UserError: A value is not a time or not a finite number, or the condition cannot be applied.
    """
    first = 1
    condition = Condition.parse(where) if where else None
    needed = {*time.columns, *features, *([condition.column] if condition else [])}
    for piece in table.pieces(sorted(needed)):
        rows = piece.num_rows
        if condition is not None:
            piece = condition.select(piece)
        columns = {name: _numbers(table, piece[name], name, first) for name in features}
        if piece.num_rows:
            yield Rows(time.read(piece, first), columns)
        first += rows


def _numbers(table: CsvTable | ParquetTable, column: pa.ChunkedArray, name: str, first: int) -> np.ndarray:
    numbers, value = as_numbers(column, table.dialect.decimal if table.dialect else ".")
    if numbers is None:
        raise UserError(
            f"data.path: column '{name}' of {table.path} contains {value} in rows {first:,} to"
            f" {first + len(column) - 1:,}, which is not a number: correct it."
        )
    values = floats(numbers)
    infinite = np.isinf(values)
    if infinite.any():
        raise UserError(
            f"data.path: column '{name}' of {table.path} contains infinite values, the first in row"
            f" {first + int(infinite.argmax()):,}: leave them empty."
        )
    return values


def _check_file(path: Path) -> None:
    if not path.exists():
        names = [file.name for file in path.parent.glob("*")] if path.parent.is_dir() else []
        raise UserError(f"data.path: there is no file {path}.{nearest(path.name, names)}")
    if not path.is_file():
        raise UserError(f"data.path: {path} is not a file: name the CSV or Parquet file itself.")


def _compression(first: bytes) -> str | None:
    return next((name for magic, name in COMPRESSIONS.items() if first.startswith(magic)), None)


def _open(path: Path) -> Any:
    """Return a binary stream of a file's decompressed content."""
    with open(path, "rb") as file:
        compression = _compression(file.read(8))
    if compression == "xz":  # which Arrow does not know
        return lzma.open(path)
    return pa.input_stream(str(path), compression=compression)


def _type(kind: pa.DataType, exact: bool) -> pa.DataType:
    """Return the type to read a column as whose head was read as ``kind``."""
    if pa.types.is_integer(kind):
        return pa.int64() if exact else pa.float64()
    if pa.types.is_null(kind):
        return pa.float64()
    return pa.timestamp("ns", kind.tz) if pa.types.is_timestamp(kind) else kind


def _clean_names(path: Path, names: Sequence[str]) -> list[str]:
    """Return column names without blanks and quotes; a column without a name is called by its number.

    Raises:
        UserError: Two columns have one name.
    """
    clean = [name.strip().strip("\"'").strip() or f"column_{i}" for i, name in enumerate(names, 1)]
    double = next((name for name in clean if clean.count(name) > 1), None)
    if double is not None:
        raise UserError(f"data.path: {path} has two columns named '{double}': rename one of them.")
    return clean


def _is_wanted(name: str, columns: Sequence[str] | None) -> bool:
    return columns is None or name in columns


def _find_dialect(path: Path, sample: bytes) -> Dialect:
    """Return the dialect that the first lines show."""
    encoding = _find_encoding(path, sample)
    text = sample.decode(encoding, errors="replace")
    header = re.sub(r'"[^"]*"', "", text.lstrip("\ufeff\r\n ").split("\n", 1)[0])
    separator = max(",;\t|", key=header.count)
    if not header.count(separator):
        raise UserError(
            f"data.path: {path} is not a CSV table: its first line names one column only, where time and a"
            " value are needed, separated by comma, semicolon or tab."
        )
    field = rf"(?:^|[{separator}])[ \"]*[+-]?\d+,\d+[ \"\r]*(?=[{separator}]|$)"
    comma = separator != "," and re.search(field, text, re.MULTILINE)
    return Dialect(encoding, separator, "," if comma else ".")


def _find_encoding(path: Path, sample: bytes) -> str:
    if sample[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if b"\x00" in sample or sample[:4] == b"PK\x03\x04":
        raise UserError(
            f"data.path: {path} is neither CSV nor Parquet (a spreadsheet or another binary file?): save it as CSV."
        )
    try:
        sample[: max(sample.rfind(b"\n"), 0) or None].decode()  # a cut character is not at the end of a line
    except UnicodeDecodeError:
        return "latin-1"
    return "utf8"


def _damaged(path: Path, error: Exception, what: str = "is damaged") -> UserError:
    return UserError(f"data.path: {path} {what}: it cannot be read to its end ({_first_line(error)}).")


def _irregular(path: Path, error: Exception) -> UserError:
    return UserError(
        f"data.path: {path} is not a regular CSV table and cannot be read to its end ({_first_line(error)})."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
