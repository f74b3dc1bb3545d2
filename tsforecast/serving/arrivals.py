"""Rows as they arrive: read from a body or a table by the model's reading recipe, and kept as neutral records.

A record is the time in nanoseconds, as the recipe reads it, and a JSON object of numbers, texts of categories and
nulls, so that a later version with other features or categories can read it too.
"""

import json
import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from pydantic import Field, PlainValidator, WithJsonSchema

from tsforecast.columns.categories import FIRST, MISSING, UNKNOWN, CategoryCoder, Vocabulary
from tsforecast.errors import UserError, nearest
from tsforecast.feeds.batch import MAX_ROWS, Arrivals, Record
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.sliding import time_format
from tsforecast.panels.identifiers import encode_values
from tsforecast.serving.request_times import EARLIEST, LATEST, TIME, check_kind, parse_time
from tsforecast.serving.requests import (
    MAX_NAME,
    RequestTooLarge,
    StrictModel,
    is_number,
    parse_body,
)
from tsforecast.serving.responses import ARROW
from tsforecast.serving.series_names import read_labels, series_columns, series_feature
from tsforecast.tables.file import DAMAGE, File
from tsforecast.tables.frame import FrameSource
from tsforecast.tables.opening import open_file
from tsforecast.tables.streaming import Rows, stream_rows
from tsforecast.tables.table import Hints, Table, check_unique
from tsforecast.times.formats import TimeFormat
from tsforecast.times.text import ISO

CSV = "text/csv"
MAX_AHEAD = np.timedelta64(2, "D")  # of the clock; a row of a distant future would make all later ones late
KEYS = re.compile(r"^(?:data|predict)(?:\.\w+)?: ")
THE_TABLE = "the body"


def _check_time(value: object) -> object:
    parse_time(value)
    return value


class FeedRow(StrictModel):
    """The values of a time; null, or left out, where missing."""

    time: Annotated[
        Any,
        PlainValidator(_check_time),
        WithJsonSchema({"type": "string", "format": "date-time"}),
        Field(description=TIME),
    ]
    values: Annotated[
        dict[str, Any],
        Field(min_length=1, description="an object such as {'load': 1.5}"),
        WithJsonSchema(
            {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"type": ["number", "string", "null"]},
            }
        ),
    ]


class RowsRequest(StrictModel):
    """New rows, in any order."""

    rows: Annotated[list[FeedRow], Field(min_length=1, description="a list of at least one row")]


class PanelFeedRow(FeedRow):
    """The values of a time of a series; its name is in ``series`` or among the values."""

    series: Any = None


class PanelRowsRequest(RowsRequest):
    """New rows of one or more series, in any order."""

    rows: Annotated[list[PanelFeedRow], Field(min_length=1, description="a list of at least one row")]  # type: ignore[assignment]


class _OpenCoder(CategoryCoder):
    """Codes categories by a vocabulary that grows with those of the rows, so that their texts are kept."""

    def __init__(self, vocabulary: Vocabulary, unknown: str, ids: Collection[str] = ()):
        super().__init__({**vocabulary, **dict.fromkeys(ids, ())}, unknown)
        self.texts = {name: list(values) for name, values in self.vocabulary.items()}
        self._ids = {name: dict[str, int]() for name in ids}  # their values and codes

    def encode(self, name: str, text: pa.ChunkedArray, *args: Any, **options: Any) -> np.ndarray:
        if name in self._ids:
            return self._encode_ids(name, text)
        codes = super().encode(name, text, *args, **options)
        for row in np.flatnonzero(codes == UNKNOWN).tolist():
            value = text[row].as_py()
            if value not in self.texts[name]:
                self.texts[name].append(value)
            codes[row] = FIRST + self.texts[name].index(value)
        return codes

    def _encode_ids(self, name: str, text: pa.ChunkedArray) -> np.ndarray:
        indices, values = encode_values(text)
        if values.null_count:
            raise UserError(f"Column '{name}' is empty in a row: name the series of each row.")
        known = self._ids[name]
        codes = [FIRST + known.setdefault(value, len(known)) for value in values.to_pylist()]
        self.texts[name] = list(known)
        of_rows: np.ndarray = np.array(codes, np.float64)[indices]
        return of_rows

    def decode(self, name: str, code: float) -> str | None:
        """Return the text of a code; None for a missing value."""
        return None if np.isnan(code) or code == MISSING else self.texts[name][int(code) - FIRST]


def read_body(
    body: bytes,
    content_type: str,
    metadata: ModelMetadata,
    more: Collection[str] = (),
    newest: np.datetime64 | None = None,
) -> Arrivals:
    """Read the rows of a request.

    Args:
        body: Body of the request.
        content_type: JSON, an Arrow stream or CSV.
        metadata: Features and reading recipe of the model.
        more: Further features to keep, of a shadow.
        newest: Time of the newest row so far; None if there is none.

    Raises:
        UserError: What is wrong, and where.
        RequestTooLarge: There are too many rows.
    """
    if content_type == CSV:
        return _read_csv(body, metadata, more, newest)
    if content_type == ARROW:
        try:
            frame = pa.ipc.open_stream(body).read_all()
            frame.validate(full=True)
        except (pa.ArrowException, OSError, ValueError):
            raise UserError("The body is not a valid Arrow stream.") from None
        _check_count(frame.num_rows)
        return read_table(FrameSource(frame).open(), metadata, more, newest)
    ids = series_columns(metadata)
    request = parse_body(PanelRowsRequest if ids else RowsRequest, body, "rows", MAX_ROWS)
    columns = _to_columns(_with_labels(request.rows, ids), metadata, more)
    for number, row in enumerate(request.rows):
        if (type(row.time) is int) != metadata.numbers_steps:
            check_kind(metadata, parse_time(row.time), f"rows[{number}].time")
    times = pa.array(
        [row.time for row in request.rows], pa.int64() if metadata.numbers_steps else pa.string()
    )
    return read_table(FrameSource(pa.table({"time": times, **columns})).open(), metadata, more, newest)


@dataclass(frozen=True)
class RowReader:
    """Reads the rows of requests and feeds by the recipe of the version in service; see ``feeds.batch.Reader``.

    Args:
        metadata: Metadata of the version.
        more: Further features to keep, of a shadow.
        newest: Time of the newest row so far; None if there is none.
    """

    metadata: ModelMetadata
    more: tuple[str, ...] = ()
    newest: np.datetime64 | None = None

    @property
    def hints(self) -> Hints:
        """What is known about a table before it is opened."""
        return Hints.from_recipe(self.metadata.recipe)

    def read_body(self, body: bytes, content_type: str) -> Arrivals:
        """Read the rows of a request."""
        return read_body(body, content_type, self.metadata, self.more, self.newest)

    def read_csv(self, body: bytes) -> Arrivals:
        """Read CSV with its header."""
        return self.read_body(body, CSV)

    def read_json(self, body: bytes) -> Arrivals:
        """Read what ``POST /v1/rows`` takes, or a single row of it."""
        stripped = body.strip()
        if b'"rows"' not in stripped[:200] and stripped.startswith(b"{"):
            body = b'{"rows": [' + stripped + b"]}"
        return self.read_body(body, "application/json")

    def read_table(self, table: Table) -> Arrivals:
        """Read all rows of a table."""
        return read_table(table, self.metadata, self.more, self.newest)


def read_table(
    table: Table,
    metadata: ModelMetadata,
    more: Collection[str] = (),
    newest: np.datetime64 | None = None,
) -> Arrivals:
    """Read all rows of a table by the reading recipe of a model.

    Args:
        table: The table.
        metadata: Features and reading recipe of the model.
        more: Further features to keep if the table has them.
        newest: Time of the newest row so far; None if there is none.

    Raises:
        UserError: The table does not fit the model, or a row is of the distant future.
    """
    recipe = metadata.recipe
    with plain_messages():
        if recipe is None:
            written = TimeFormat(("time",), ISO)
        else:
            named = set(recipe.time.columns) <= set(table.columns)
            written = time_format(recipe.time, recipe.time.columns if named else ("time",))
        ids, code = series_columns(metadata), series_feature(metadata)
        known = [name for name in dict.fromkeys([*metadata.all_features, *more]) if name not in (*ids, code)]
        names = [name for name in known if name in table.columns]
        check_unique(table, [*names, *ids])
        given = [name for name in names if name in metadata.all_features]
        metadata.check_features([*given, code] if code else given, THE_TABLE.capitalize(), table.columns)
        lacking = next((name for name in ids if name not in table.columns), None)
        if lacking is not None:
            raise UserError(f"The body has no column '{lacking}', which names the series of each row.")
        vocabulary = {name: values for name, values in metadata.categories.items() if name in known}
        coder = _OpenCoder(vocabulary, recipe.unknown_categories if recipe else "note", ids)
        pieces = list(stream_rows(table, [*names, *ids], written, recipe, coder))
    if not pieces:
        raise UserError("The body has no row.")
    rows = Rows.join(pieces)
    rows = rows.select(~np.isnat(rows.time))
    _check_times(rows.time, newest, metadata.numbers_steps)
    return Arrivals(list(_to_records(rows, coder)), coder.notes())


def _to_records(rows: Rows, coder: _OpenCoder) -> Iterator[Record]:
    names = list(rows.columns)
    columns = [rows.columns[name].tolist() for name in names]
    for time, *values in zip(rows.time.astype(np.int64).tolist(), *columns, strict=True):
        content = {
            name: coder.decode(name, value) if name in coder.texts else None if np.isnan(value) else value
            for name, value in zip(names, values, strict=True)
        }
        yield time, json.dumps(content, separators=(",", ":"))


def _with_labels(rows: Sequence[FeedRow], ids: tuple[str, ...]) -> Sequence[FeedRow]:
    """Return JSON rows whose values include the columns that name their series."""
    for number, row in enumerate(rows):
        if not ids:
            break
        where, series = f"rows[{number}]", getattr(row, "series", None)
        if series is None:
            named = {name: row.values[name] for name in ids if name in row.values}
            labels = read_labels(named, ids, f"{where}.values")
        else:
            labels = read_labels(series, ids, f"{where}.series")
        row.values.update(zip(ids, labels, strict=True))
    return rows


def _to_columns(
    rows: Sequence[FeedRow], metadata: ModelMetadata, more: Collection[str]
) -> dict[str, pa.Array]:
    """Return the columns of JSON rows; required features that no row has are missing."""
    ids, code = series_columns(metadata), series_feature(metadata)
    known = dict.fromkeys(
        name for name in (*metadata.all_features, *more, *ids) if name != code or name in ids
    )
    texts = {*metadata.categories, *ids}
    markers = metadata.recipe.missing_values if metadata.recipe else ()
    columns: dict[str, list[float | str | None]] = {
        name: [None] * len(rows) for name in metadata.features if name in known
    }
    for number, row in enumerate(rows):
        for name, value in row.values.items():
            where = f"rows[{number}].values"
            if name not in known:
                label = name[:MAX_NAME].encode(errors="replace").decode()
                raise UserError(f"{where}: unknown feature '{label}'.{nearest(label, list(known))}")
            is_text = name in texts
            if (
                name not in ids
                and value is not None
                and type(value) in (int, float, str)
                and value in markers
            ):
                value = None
            if not (value is None or is_number(value) or (is_text and isinstance(value, str))):
                kind = "one of its categories, a text," if is_text else "a number"
                raise UserError(f"{where}.{name} must be {kind} or null.")
            columns.setdefault(name, [None] * len(rows))[number] = _to_value(
                value, is_text, f"{where}.{name}"
            )
    kinds = {name: pa.string() if name in texts else pa.float64() for name in columns}
    return {name: pa.array(values, kinds[name]) for name, values in columns.items()}


def _to_value(value: object, is_text: bool, where: str) -> float | str | None:
    if value is None:
        return None
    if is_text:
        try:
            str(value).encode()
        except UnicodeEncodeError:
            raise UserError("The body contains text that is not valid Unicode.") from None
        return str(value)
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        number = np.inf
    if not np.isfinite(number):
        raise UserError(f"{where} is not a finite number: write null for a missing value.")
    return number


def _read_csv(
    body: bytes, metadata: ModelMetadata, more: Collection[str], newest: np.datetime64 | None
) -> Arrivals:
    _check_count(body.count(b"\n") - 100)  # of a header and comments
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(body)
        file.flush()
        content = File(file.name, label=THE_TABLE)
        if content.compression() is not None or body.startswith(b"PAR1"):
            raise UserError("The body is compressed or is not CSV: send CSV as it is.")
        with plain_messages():
            try:
                table = open_file(content, Hints.from_recipe(metadata.recipe))
                arrivals = read_table(table, metadata, more, newest)
            except DAMAGE:
                raise UserError("The body is not a CSV table.") from None
    _check_count(len(arrivals.records))
    return arrivals


def _check_count(rows: int) -> None:
    if rows > MAX_ROWS:
        raise RequestTooLarge(f"{rows} rows are more than the {MAX_ROWS} that one request may contain.")


def _check_times(time: np.ndarray, newest: np.datetime64 | None, numbers_steps: bool) -> None:
    if not len(time):
        raise UserError("No row has a time.")
    if numbers_steps:  # of any series, without a clock that they could be ahead of
        return
    now = np.datetime64("now", "s")  # which may be wrong: rows that follow the newest are right nevertheless
    latest = min(LATEST, max(now, now if newest is None else newest.astype("datetime64[s]")) + MAX_AHEAD)
    for bound, wrong in (
        ("before 1700", time < EARLIEST),
        ("more than two days ahead of the clock", time > latest),
    ):
        if wrong.any():
            row = int(wrong.argmax())
            raise UserError(f"Row {row + 1:,} is of {str(time[row])[:19]}, {bound}: correct its time.")


@contextmanager
def plain_messages() -> Iterator[None]:
    """Take the keys of the config, which a request does not have, out of the readers' messages."""
    try:
        yield
    except RequestTooLarge:
        raise
    except UserError as error:
        sentence = KEYS.sub("", str(error)).replace("the data frame", THE_TABLE)
        raise UserError(sentence[0].upper() + sentence[1:]) from None
