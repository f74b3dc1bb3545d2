"""The reader of CSV and Parquet files, compressed or not: training joins the pieces that prediction streams."""

import lzma
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from tsforecast.columns.arrow import floats
from tsforecast.columns.cells import MISSING, as_numbers, is_number, is_text
from tsforecast.columns.numerals import CLOCK_NAMES, find_file_decimal
from tsforecast.errors import UserError, nearest
from tsforecast.reading.dialect import Dialect, clean_names, find_layout
from tsforecast.reading.selection import Condition
from tsforecast.times.formats import TimeFormat
from tsforecast.times.patterns import sounds_like_time

if TYPE_CHECKING:
    from tsforecast.reading.recipe import ReadingRecipe

BLOCK_BYTES = 1 << 20  # CSV text in a piece, and at the head of a file, which decides what its columns hold
BATCH_ROWS = 65_536  # rows of Parquet in a piece
COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
UNNAMED = r"column_\d+|Unnamed: \d+"  # names of columns that have none
REPEATED = "\0"  # between a name that several columns have and their number
DAMAGE = (OSError, EOFError, lzma.LZMAError)


class Rows(NamedTuple):
    """Some rows as they are in a file: ``time [N]`` datetime64[ns], and feature -> ``[N]`` float64."""

    time: np.ndarray
    columns: dict[str, np.ndarray]


class ParquetTable:
    """A Parquet file, read in pieces.

    Args:
        path: Path of the file.
        compressed: Whether the whole file is compressed once more.

    Raises:
        UserError: The file is damaged.
    """

    dialect = None
    notes: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()

    def __init__(self, path: Path, compressed: bool):
        self.path = path
        try:
            source = pa.BufferReader(_open(path).read()) if compressed else str(path)
            self._file = pq.ParquetFile(source)
        except (pa.ArrowException, *DAMAGE) as error:
            raise _damaged(path, error, "is a damaged Parquet file") from None
        self._names, self.repeated = _unique_names(clean_names(self._file.schema_arrow.names))
        self.columns = tuple(name for name in self._names if REPEATED not in name)

    def head(self) -> pa.Table:
        """Return the first rows."""
        empty = self._file.schema_arrow.empty_table().rename_columns(self._names)
        return next(self.pieces(), empty.select(list(self.columns)))

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows, some at a time, with all columns or those named."""
        raw = self._file.schema_arrow.names
        clean = {raw: name for raw, name in zip(raw, self._names, strict=True) if _is_wanted(name, columns)}
        try:
            for batch in self._file.iter_batches(BATCH_ROWS, columns=list(clean)):
                table = pa.Table.from_batches([batch])
                yield table.rename_columns([clean[name] for name in table.column_names])
        except (pa.ArrowException, OSError) as error:
            raise _damaged(self.path, error, "is a damaged Parquet file") from None

    def table(self) -> pa.Table:
        """Return all rows."""
        try:
            return self._file.read().rename_columns(self._names).select(list(self.columns))
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
        text: Columns to read as text.

    Attributes:
        repeated: Names of several columns, which are left out.
        undecided: Columns that are read as text since no value of the head shows the decimal mark.
        notes: What was left out.

    Raises:
        UserError: The file does not hold a table, or it has no header.
    """

    def __init__(
        self,
        path: Path,
        head: bytes,
        exact: Sequence[str] = (),
        like: Dialect | None = None,
        text: Sequence[str] = (),
    ):
        self.path = path
        layout = find_layout(path, head, like)
        self._names, self.repeated = _unique_names(layout.names)
        self.columns = tuple(name for name in self._names if REPEATED not in name)
        self.dialect = Dialect(layout.encoding, layout.separator, ".")
        self._skip = layout.skip
        self.notes = _layout_notes(layout.units)
        sample = head.decode(layout.encoding, errors="replace")
        if len(head) >= BLOCK_BYTES and "\n" in sample:
            sample = sample[: sample.rindex("\n") + 1]
        decimal, forced = self._find_decimal(sample, like)
        self.dialect = self.dialect._replace(decimal=decimal or ".")
        table = self._parse(sample, {name: pa.string() for name in {*text, *forced}})
        self.undecided = forced
        exact = [name for name in self.columns if name in exact or sounds_like_time(name)]
        self._types = {
            name: _type(kind, name in exact)
            for name, kind in zip(table.column_names, table.schema.types, strict=True)
        }
        self._head = table

    def _find_decimal(self, sample: str, like: Dialect | None) -> tuple[str | None, tuple[str, ...]]:
        """Return the decimal mark, and if no value shows it, the columns to read as text until all are known."""
        if like is not None and (like.separator == self.dialect.separator or not like.separator):
            return like.decimal, ()
        table = self._parse(sample, dict.fromkeys(self.columns, pa.string()))
        decimal = find_file_decimal(table, self.dialect.separator)
        if decimal is not None:
            return decimal, ()
        numbers = self._parse(sample, {})
        names = [
            name for name in self.columns if is_number(numbers[name].type) or is_text(numbers[name].type)
        ]
        return None, tuple(name for name in names if not (sounds_like_time(name) or CLOCK_NAMES.search(name)))

    def _parse(self, sample: str, types: dict[str, pa.DataType]) -> pa.Table:
        try:
            options = self._options(types, "utf8", include_columns=list(self.columns))
            return pyarrow.csv.read_csv(pa.BufferReader(sample.encode()), **options)
        except pa.ArrowException as error:
            raise _irregular(self.path, error) from None

    def head(self) -> pa.Table:
        """Return the first rows."""
        return self._head

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows, some at a time, with all columns or those named."""
        wanted = [name for name in self.columns if _is_wanted(name, columns)]
        done = 0
        while True:
            skip = done  # rows that were yielded before a column became text
            try:
                for batch in self._batches(wanted):
                    table = pa.Table.from_batches([batch]).slice(skip)
                    skip -= min(skip, batch.num_rows)
                    done += table.num_rows
                    yield table
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
            "read_options": pyarrow.csv.ReadOptions(
                block_size=BLOCK_BYTES, encoding=encoding, column_names=self._names, skip_rows=self._skip
            ),
            "parse_options": pyarrow.csv.ParseOptions(
                delimiter=self.dialect.separator, invalid_row_handler=_skip_comment
            ),
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
    path: str | Path, exact: Sequence[str] = (), like: Dialect | None = None, text: Sequence[str] = ()
) -> CsvTable | ParquetTable:
    """Open a CSV or Parquet file, also compressed as .gz, .xz, .zst or .bz2; its first bytes show which it is.

    Args:
        path: Path of the file, whatever its name.
        exact: Columns whose whole numbers are kept as such, for times.
        like: Dialect of the training data, whose decimal mark counts in a file with the same separator; one
            without a separator counts in any file.
        text: Columns of a CSV file to read as text.

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
    return ParquetTable(path, compressed) if head[:4] == b"PAR1" else CsvTable(path, head, exact, like, text)


def stream_rows(
    table: CsvTable | ParquetTable,
    features: Sequence[str],
    time: TimeFormat,
    recipe: "ReadingRecipe | None" = None,
) -> Iterator[Rows]:
    """Yield the rows of a file piece by piece, in memory that does not grow with the file.

    Args:
        table: The open file.
        features: Columns to read as numbers.
        time: How its times are written.
        recipe: How the training data were read; None if nothing was decided.

    Raises:
        UserError: A value is not a time or not a finite number, or the condition cannot be applied.
    """
    first = 1
    condition = Condition.parse(recipe.where) if recipe and recipe.where else None
    missing = recipe.missing_values if recipe else ()
    check_unique(table, [*time.columns, *features])
    needed = {*time.columns, *features, *([condition.column] if condition else [])}
    for piece in table.pieces(sorted(needed)):
        rows = piece.num_rows
        if condition is not None:
            piece = condition.select(piece)
        columns = {
            name: _numbers(table, piece[name], name, first, _decimal(table, name, recipe), missing)
            for name in features
        }
        if piece.num_rows:
            yield Rows(time.read(piece, first), columns)
        first += rows


def _decimal(table: CsvTable | ParquetTable, name: str, recipe: "ReadingRecipe | None") -> str:
    """Return the decimal mark of a column: the recipe's unless the file is written otherwise."""
    if recipe is None or (
        table.dialect and recipe.dialect and table.dialect.separator != recipe.dialect.separator
    ):
        return table.dialect.decimal if table.dialect else "."
    return recipe.decimal_of(name)


def _numbers(
    table: CsvTable | ParquetTable,
    column: pa.ChunkedArray,
    name: str,
    first: int,
    decimal: str,
    missing: Collection[float | str],
) -> np.ndarray:
    numbers, value = as_numbers(column, decimal, missing)
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


def _unique_names(names: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return names that are all different, and those of several columns, which are hidden behind a mark."""
    repeated = tuple(dict.fromkeys(name for name in names if names.count(name) > 1))
    return [f"{name}{REPEATED}{i}" if name in repeated else name for i, name in enumerate(names)], repeated


def _is_wanted(name: str, columns: Sequence[str] | None) -> bool:
    return (columns is None or name in columns) and REPEATED not in name


def _skip_comment(row: pyarrow.csv.InvalidRow) -> str:
    return "skip" if row.text.startswith("#") else "error"


def _layout_notes(units: Sequence[str]) -> tuple[str, ...]:
    return (f"The row of units below the header was left out ({', '.join(units)}).",) if units else ()


def check_unique(table: CsvTable | ParquetTable, names: Collection[str]) -> None:
    """Refuse needed columns whose name another column has too.

    Raises:
        UserError: Naming the first.
    """
    for name in names:
        if name in table.repeated:
            raise UserError(f"data.path: {table.path} has two columns named '{name}': rename one of them.")


def _damaged(path: Path, error: Exception, what: str = "is damaged") -> UserError:
    return UserError(f"data.path: {path} {what}: it cannot be read to its end ({_first_line(error)}).")


def _irregular(path: Path, error: Exception) -> UserError:
    return UserError(
        f"data.path: {path} is not a regular CSV table and cannot be read to its end ({_first_line(error)})."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
