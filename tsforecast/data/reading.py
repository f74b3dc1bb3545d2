"""Reading of a CSV or Parquet file, compressed or not, into an Arrow table; knows nothing of time or features."""

import bz2
import gzip
import lzma
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from tsforecast.errors import UserError, nearest

MISSING = ["", "?", "-", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "NULL", "null", "None", "none"]
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity)$"
SAMPLE = 65_536  # bytes in which the separator and the decimal mark are looked for
# First bytes of a file -> what undoes its compression.
COMPRESSION = {
    b"\x1f\x8b": gzip.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
    b"BZh": bz2.decompress,
    b"\x28\xb5\x2f\xfd": lambda raw: pa.input_stream(pa.BufferReader(raw), compression="zstd").read(),
}


def read_table(path: str | Path) -> pa.Table:
    """Reads a table; what the file is shows in its first bytes, whatever its name.

    CSV: separated by comma, semicolon, tab or bar, with a header line; UTF-8, UTF-16 with its mark, or
    Latin-1; with a decimal comma where numbers have one and the separator is none. Columns of quoted or
    padded numbers become numbers.

    Args:
        path: a CSV or Parquet file, also compressed as .gz, .xz, .zst or .bz2.

    Returns:
        A table of at least two rows; null where a value is missing (empty, ``?``, ``NA``, ``NaN`` and the
        like).

    Raises:
        UserError: when the file is missing, unreadable, damaged, empty, no table, or has fewer than two rows.
    """
    path = Path(path).expanduser()
    raw = _decompressed(path)
    if not raw.strip(b" \t\r\n\x00"):
        raise UserError(f"data.path: {path} is empty.")
    table = _parquet(path, raw) if raw[:4] == b"PAR1" else _csv(path, raw)
    if len(set(table.column_names)) < table.num_columns:
        double = next(name for name in table.column_names if table.column_names.count(name) > 1)
        raise UserError(f"data.path: {path} has two columns named '{double}': rename one of them.")
    if table.num_rows < 2:
        rows = "no row below its header" if table.num_rows == 0 else "one row only"
        raise UserError(f"data.path: {path} has {rows}; a series needs at least two.")
    return table


def as_numbers(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray | None, str]:
    """Returns the column as float64, or None and the first value that is no number.

    Text counts as numbers when every value is one once blanks and quotes around it are taken off.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_null(kind) or pa.types.is_boolean(kind) or _is_number(kind):
        return column.cast(pa.float64(), safe=False), ""
    if not is_text(kind):
        return None, f"{kind}"
    text = clean_text(column)
    good = pc.match_substring_regex(text, NUMBER)
    if not pc.all(good, min_count=0).as_py():
        return None, repr(text.filter(pc.invert(good))[0].as_py())
    return text.cast(pa.float64()), ""


def clean_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns a text column without blanks and quotes around its values, null where one stands for missing."""
    text = pc.utf8_trim(column.cast(pa.string()), characters=" \t\"'")
    return pc.if_else(pc.is_in(text, value_set=pa.array(MISSING)), pa.scalar(None, pa.string()), text)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column's type is text."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _decompressed(path: Path) -> bytes:
    if not path.exists():
        near = (
            nearest(path.name, [file.name for file in path.parent.glob("*")]) if path.parent.is_dir() else ""
        )
        raise UserError(f"data.path: there is no file {path}.{near}")
    if not path.is_file():
        raise UserError(f"data.path: {path} is not a file: name the CSV or Parquet file itself.")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"data.path: {path} cannot be read ({error.strerror}).") from None
    for magic, decompress in COMPRESSION.items():
        if raw.startswith(magic):
            try:
                return decompress(raw)
            except (OSError, EOFError, ValueError, lzma.LZMAError):
                raise UserError(f"data.path: {path} is damaged: it does not decompress to its end.") from None
    return raw


def _parquet(path: Path, raw: bytes) -> pa.Table:
    try:
        return pq.read_table(pa.BufferReader(raw))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"data.path: {path} is a damaged Parquet file ({_first_line(error)}).") from None


def _csv(path: Path, raw: bytes) -> pa.Table:
    raw = _utf8(path, raw)
    separator, decimal = _dialect(path, raw[:SAMPLE].decode(errors="replace"))
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(raw),
            parse_options=pyarrow.csv.ParseOptions(delimiter=separator),
            convert_options=pyarrow.csv.ConvertOptions(
                null_values=MISSING, strings_can_be_null=True, decimal_point=decimal
            ),
        )
    except pa.ArrowException as error:
        raise UserError(f"data.path: {path} is not a regular CSV table ({_first_line(error)}).") from None
    names = [name.strip().strip("\"'").strip() for name in table.column_names]
    if all(re.match(NUMBER, name) for name in names):
        raise UserError(f"data.path: {path} has no header: name its columns in a first line.")
    return table.rename_columns([name or f"column_{i}" for i, name in enumerate(names, 1)])


def _utf8(path: Path, raw: bytes) -> bytes:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace").encode()
    if b"\x00" in raw[:SAMPLE] or raw[:4] == b"PK\x03\x04":
        raise UserError(
            f"data.path: {path} is neither CSV nor Parquet (a spreadsheet or another binary file?): save it as CSV."
        )
    try:
        raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1").encode()
    return raw


def _dialect(path: Path, sample: str) -> tuple[str, str]:
    """Returns separator and decimal mark as the first lines show them."""
    header = re.sub(r'"[^"]*"', "", sample.lstrip("\ufeff\r\n ").split("\n", 1)[0])
    separator = max(",;\t|", key=header.count)
    if not header.count(separator):
        raise UserError(
            f"data.path: {path} is not a CSV table: its first line names one column only, where time and a"
            " value are needed, separated by comma, semicolon or tab."
        )
    field = rf"(?:^|[{separator}])[ \"]*[+-]?\d+,\d+[ \"\r]*(?=[{separator}]|$)"
    comma = separator != "," and re.search(field, sample, re.MULTILINE)
    return separator, "," if comma else "."


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:160]
