"""Rows of a CSV or Parquet file as they come, batch after batch, in memory that does not grow with the file."""

import bz2
import codecs
import gzip
import lzma
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from tsforecast.data.arrow import floats
from tsforecast.data.reading import MISSING, SAMPLE, as_numbers, clean_text, is_text
from tsforecast.data.reading import _dialect as dialect
from tsforecast.data.timestamps import find_time
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata

BLOCK_BYTES = 1 << 20  # of CSV text in a batch
BATCH_ROWS = 16_384  # of Parquet in a batch
HEAD_ROWS = 20_000  # rows that settle how dates are written
_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\x00": lzma.open, b"BZh": bz2.open}


class Batch(NamedTuple):
    """Some rows as they stand in the file: ``time [N]`` datetime64[ns], feature -> ``[N]`` float64."""

    time: np.ndarray
    columns: dict[str, np.ndarray]


def batches(
    path: str | Path, metadata: ModelMetadata, time: str | Sequence[str] | None = None
) -> Iterator[Batch]:
    """Reads the columns that a model needs, in the file's order.

    Args:
        path: CSV (also as .gz, .xz or .bz2) or Parquet; what it is shows in its first bytes.
        metadata: of the model; columns that it does not know are left out.
        time: the time column, or a date and a time-of-day column; None to find it.

    Raises:
        UserError: the file cannot be used; the message names it.
    """
    path = Path(path).expanduser()
    settled: _Columns | None = None
    try:
        for table in _tables(path):
            if table.num_rows:
                settled = settled or _Columns.of(path, table, metadata, time)
                yield settled.read(table)
    except UserError as error:  # the readers of training data name the keys of training
        said = str(error).replace("data.path", "predict.data").replace("data.time", "predict.time")
        raise UserError(said) from None
    if settled is None:
        raise UserError(f"predict.data: {path} holds no row.")


class _Columns:
    """Which columns hold time and features; settled by the first batch."""

    def __init__(self, path: Path, taken: tuple[str, ...], features: list[str], head: pa.Table):
        self.path, self.taken, self.features, self.head = path, taken, features, head

    @classmethod
    def of(
        cls, path: Path, table: pa.Table, metadata: ModelMetadata, time: str | Sequence[str] | None
    ) -> "_Columns":
        taken, _, _ = find_time(_trimmed(table), time)
        features = [name for name in metadata.known_names if name in table.column_names]
        metadata.check_features(features, f"predict.data: {path}", near=table.column_names)
        return cls(path, taken, features, table.select(taken).slice(0, HEAD_ROWS))

    def read(self, table: pa.Table) -> Batch:
        # The first rows come along, so that 01/02/2024 is read in the same order of day and month throughout.
        times = pa.concat_tables([self.head, table.select(self.taken)], promote_options="permissive")
        _, time, _ = find_time(times, self.taken)
        return Batch(
            time[self.head.num_rows :], {name: self._numbers(table[name], name) for name in self.features}
        )

    def _numbers(self, column: pa.ChunkedArray, name: str) -> np.ndarray:
        numbers, why = as_numbers(column)
        if numbers is None:
            raise UserError(
                f"predict.data: column '{name}' of {self.path} holds {why}, which is no number: mend it."
            )
        found = floats(numbers)
        if np.isinf(found).any():
            raise UserError(
                f"predict.data: column '{name}' of {self.path} holds infinite values: leave them empty."
            )
        return found


def _trimmed(table: pa.Table) -> pa.Table:
    """The table with columns of text that reads as nothing but missing taken out, which no time can be in."""
    empty = [
        name
        for name in table.column_names
        if is_text(table[name].type) and clean_text(table[name]).null_count == len(table)
    ]
    return table.drop_columns(empty)


def _tables(path: Path) -> Iterator[pa.Table]:
    if not path.is_file():
        raise UserError(f"predict.data: there is no file {path}.")
    try:
        with open(path, "rb") as file:
            first = file.read(8)
        opener = next((opener for magic, opener in _OPENERS.items() if first.startswith(magic)), open)
        if first.startswith(b"PAR1"):
            with pq.ParquetFile(path) as parquet:
                for batch in parquet.iter_batches(BATCH_ROWS):
                    yield pa.Table.from_batches([batch])
            return
        with opener(path, "rb") as file:
            sample = file.read(SAMPLE)
            file.seek(0)
            yield from _csv_tables(path, file, sample)
    except (pa.ArrowException, EOFError, lzma.LZMAError, gzip.BadGzipFile) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise UserError(f"predict.data: {path} cannot be read to its end ({reason}).") from None


def _csv_tables(path: Path, file: Any, sample: bytes) -> Iterator[pa.Table]:
    if not sample.strip(b" \t\r\n\x00"):
        raise UserError(f"predict.data: {path} is empty.")
    encoding = _encoding(sample)
    if encoding == "utf8" and b"\x00" in sample:
        raise UserError(f"predict.data: {path} is neither CSV nor Parquet: save it as one of them.")
    separator, decimal = dialect(path, sample.decode(encoding, errors="replace"))
    names = _names(sample.decode(encoding, errors="replace"), separator)
    reader = pyarrow.csv.open_csv(
        file,
        read_options=pyarrow.csv.ReadOptions(
            block_size=BLOCK_BYTES, encoding=encoding, column_names=names, skip_rows=1
        ),
        parse_options=pyarrow.csv.ParseOptions(delimiter=separator),
        # As text: a type that the first block suggests could be wrong of a later one.
        convert_options=pyarrow.csv.ConvertOptions(
            null_values=MISSING,
            strings_can_be_null=True,
            column_types=dict.fromkeys(names, pa.string()),
        ),
    )
    for batch in reader:
        yield _with_point(pa.Table.from_batches([batch]), decimal)


def _encoding(sample: bytes) -> str:
    if sample[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf8")().decode(sample)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf8"


def _names(sample: str, separator: str) -> list[str]:
    header = sample.lstrip("\ufeff").splitlines()[0]
    table = pyarrow.csv.read_csv(
        pa.BufferReader(f"{header}\n".encode()), parse_options=pyarrow.csv.ParseOptions(delimiter=separator)
    )
    return [name.strip().strip("\"'").strip() for name in table.column_names]


def _with_point(table: pa.Table, decimal: str) -> pa.Table:
    if decimal == ".":
        return table
    import pyarrow.compute as pc

    columns = [
        pc.replace_substring_regex(table[name], r"^([ \"]*[+-]?\d+),(\d+[ \"]*)$", r"\1.\2")
        for name in table.column_names
    ]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))
