"""CSV files, read in pieces: training joins the pieces that prediction streams."""

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv

from tsforecast.columns.cells import MISSING, is_number, is_text
from tsforecast.columns.numerals import CLOCK_NAMES, find_file_decimal, is_dotted_clock
from tsforecast.errors import UserError
from tsforecast.reading.dialect import Dialect, Layout, find_layout, shorten
from tsforecast.tables.encodings import check_one_encoding
from tsforecast.tables.file import DAMAGE, File
from tsforecast.tables.table import NO_HINTS, REPEATED, Hints, Table, is_wanted, unique_names
from tsforecast.times.patterns import sounds_like_time

BLOCK_BYTES = 1 << 20  # text in a piece, and at the head of a file, which decides what its columns hold
NARROW = ("cp1252", "latin-1")


class CsvTable(Table):
    """A CSV file with a header line, read in pieces.

    The separator is a comma, semicolon, tab or bar; the encoding is UTF-8, UTF-16 with a byte order mark, or Latin-1
    (Windows-1252).
    Decimal commas are recognized unless the separator is a comma. The first rows decide the type of each column; if a
    later value does not fit, its column becomes text from there on.

    Args:
        file: The file.
        head: The first bytes of its text.
        hints: What is known about it.

    Raises:
        UserError: The file does not hold a table, or it has no header.
    """

    dialect: Dialect

    def __init__(self, file: File, head: bytes, hints: Hints = NO_HINTS):
        self.label, self._file = str(file), file
        self._invalid: pyarrow.csv.InvalidRow | None = None
        layout = find_layout(self.label, head, hints.dialect)
        self._check_encoding(layout.encoding)
        self._names, self.repeated = unique_names(layout.names)
        self.columns = tuple(name for name in self._names if REPEATED not in name)
        self.dialect = Dialect(layout.encoding, layout.separator, ".")
        self._skip = layout.skip
        self.notes = _layout_notes(layout)
        sample = head.decode(layout.encoding, errors="replace")
        if len(head) >= BLOCK_BYTES:
            sample = sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1] or sample
        decimal, forced = self._find_decimal(sample, hints.dialect)
        self.dialect = self.dialect._replace(decimal=decimal or ".")
        table = self._parse(sample, dict.fromkeys({*hints.text, *forced}, pa.string()))
        clocks = self._find_clocks(sample, table, hints)
        if clocks:
            table = self._parse(sample, dict.fromkeys({*hints.text, *forced, *clocks}, pa.string()))
        self.undecided = forced
        exact = [name for name in self.columns if name in hints.exact or sounds_like_time(name)]
        self._types = {
            name: _type(kind, name in exact)
            for name, kind in zip(table.column_names, table.schema.types, strict=True)
        }
        self._head = table

    def _check_encoding(self, encoding: str) -> None:
        if encoding in NARROW:
            check_one_encoding(self._file)

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
        return None, tuple(names)

    def _find_clocks(self, sample: str, table: pa.Table, hints: Hints) -> list[str]:
        """Return columns of clocks such as 13.40, of which a number would keep 13.4 only."""
        names = [
            name
            for name in self.columns
            if pa.types.is_floating(table[name].type) and (name in hints.exact or CLOCK_NAMES.search(name))
        ]
        text = self._parse(sample, dict.fromkeys(names, pa.string())) if names else None
        return [name for name in names if text is not None and is_dotted_clock(text[name])]

    def _parse(self, sample: str, types: dict[str, pa.DataType]) -> pa.Table:
        try:
            options = self._options(types, "utf8", include_columns=list(self.columns))
            return pyarrow.csv.read_csv(pa.BufferReader(sample.encode()), **options)
        except pa.ArrowException as error:
            raise self._irregular(error) from None

    def head(self) -> pa.Table:
        """Return the first rows."""
        return self._head

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows, some at a time, with all columns or those named."""
        wanted = [name for name in self.columns if is_wanted(name, columns)]
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
                raise self._file.damage(error) from None

    def table(self) -> pa.Table:
        """Return all rows."""
        while True:
            decided = self.dialect, dict(self._types)
            try:
                return self._read_at_once()
            except (*DAMAGE, UnicodeDecodeError):
                pieces = list(
                    self.pieces()
                )  # in order: a column becomes text, or the first fault is reported
            if decided == (self.dialect, self._types):
                return pa.concat_tables(pieces) if pieces else self._head.slice(0, 0)

    def _read_at_once(self) -> pa.Table:
        """Return all rows, parsed by all cores; one value that does not fit is an error."""
        options = self._options(self._types, self.dialect.encoding, include_columns=list(self.columns))
        with self._file.open() as source:
            return pyarrow.csv.read_csv(source, **options)

    def _batches(self, wanted: list[str]) -> Iterator[pa.RecordBatch]:
        with self._file.open() as source:
            yield from pyarrow.csv.open_csv(
                source, **self._options(self._types, self.dialect.encoding, include_columns=wanted)
            )

    def _options(self, types: dict[str, pa.DataType], encoding: str, **convert: Any) -> dict[str, Any]:
        return {
            "read_options": pyarrow.csv.ReadOptions(
                block_size=BLOCK_BYTES, encoding=encoding, column_names=self._names, skip_rows=self._skip
            ),
            "parse_options": pyarrow.csv.ParseOptions(
                delimiter=self.dialect.separator, invalid_row_handler=self._on_invalid_row
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
            narrow = "latin-1" if self.dialect.encoding == "cp1252" else "cp1252"
            self.dialect = self.dialect._replace(encoding=narrow)
            self._check_encoding(narrow)
            return
        match = re.match(r"In CSV column #(\d+): CSV conversion error to (\S+):", str(error))
        if match is None:
            raise self._irregular(error) from None
        name = self._names[int(match[1])]
        self._types[name] = pa.float64() if self._types[name] == pa.int64() else pa.string()

    def _on_invalid_row(self, row: pyarrow.csv.InvalidRow) -> str:
        if row.text.startswith("#"):
            return "skip"
        self._invalid = row
        return "error"

    def _irregular(self, error: Exception) -> UserError:
        """Return the refusal of a line with more or fewer values than the header."""
        row = self._invalid
        if row is None:
            return UserError(
                f"{self.key}: {self.label} is not a regular CSV table: a line or a quoted value of it is longer than"
                f" {BLOCK_BYTES:,} bytes or does not end: close all quotes, and end each row with a line break."
            )
        values = "value" if row.actual_columns == 1 else "values"
        return UserError(
            f"{self.key}: {self.label} is not a regular CSV table and cannot be read to its end: line"
            f" {self._line_of(row.text):,}, {shorten(row.text)}, has {row.actual_columns} {values} and the header"
            f" {row.expected_columns}: correct or delete the line, and quote values that contain the separator."
        )

    def _line_of(self, text: str) -> int:
        """Return the number of the first line that begins with a text."""
        start = (text.splitlines() or [""])[0]
        with self._file.open() as source:
            lines = enumerate(io.TextIOWrapper(source, self.dialect.encoding, "replace"), 1)
            return next((number for number, line in lines if line.rstrip("\r\n") == start), 1)


def _type(kind: pa.DataType, exact: bool) -> pa.DataType:
    """Return the type to read a column as whose head was read as ``kind``."""
    if pa.types.is_integer(kind):
        return pa.int64() if exact else pa.float64()
    if pa.types.is_null(kind):
        return pa.float64()
    return pa.timestamp("ns", kind.tz) if pa.types.is_timestamp(kind) else kind


def _layout_notes(layout: Layout) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    name = next((name for name in layout.names if not name.isascii()), None)
    if name is not None and layout.encoding in NARROW:
        notes = (
            f"The file is not in UTF-8 and is read as {layout.encoding}, by which a column is called '{name}'; if that"
            " is wrong, save it in UTF-8.",
        )
    if layout.units:
        notes += (
            f"The row below the header, of units or more names, was left out ({', '.join(layout.units)}).",
        )
    return notes
