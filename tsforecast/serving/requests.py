"""Request bodies, JSON or Arrow: validated and scaled; every refusal is one sentence.

Pydantic validates the outline of a JSON body and describes it in the OpenAPI document. The numbers of a window are
validated with NumPy, which is faster.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple, TypeVar, get_args

import numpy as np
import pyarrow as pa
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from tsforecast.columns.arrow import floats
from tsforecast.columns.categories import as_categories
from tsforecast.columns.cells import as_numbers
from tsforecast.data.filling import carry_forward
from tsforecast.data.scaling import MAX_SCALED
from tsforecast.errors import UserError, nearest
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.serving.categories import RequestCategories
from tsforecast.serving.missing import RequestGaps
from tsforecast.serving.request_times import (
    EARLIEST,
    LATEST,
    SENTENCE,
    Time,
    check_offset,
    read_arrow_times,
    to_grid,
)
from tsforecast.serving.series_book import SeriesBook, with_series
from tsforecast.serving.series_names import read_labels, series_columns, series_feature

MAX_NAME = 80  # characters of an unknown name to repeat in a message
RequestModel = TypeVar("RequestModel", bound="StrictModel")


class RequestTooLarge(UserError):
    """More windows or rows than one request may contain."""


class WindowBatch(NamedTuple):
    """The n windows of a request.

    Args:
        past: Scaled inputs float32 ``[n, L, C]``.
        made_at: Time datetime64[s] of the last row of each window ``[n]``.
        last: Last known values of the targets ``[n, T]``, in their unit.
        notes: What was found about the values.
        names: Name of the series of each window; none for a model of one series.
        series: Its metadata.
    """

    past: np.ndarray
    made_at: np.ndarray
    last: np.ndarray
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    series: tuple[ModelMetadata, ...] = ()

    @classmethod
    def join(cls, parts: "Sequence[WindowBatch]") -> "WindowBatch":
        """Return the windows of several batches as one."""
        if len(parts) == 1:
            return parts[0]
        past, made_at, last = (np.concatenate([part[index] for part in parts]) for index in range(3))
        notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
        names = tuple(name for part in parts for name in part.names)
        return cls(past, made_at, last, notes, names, tuple(item for part in parts for item in part.series))

    def select(self, windows: slice) -> "WindowBatch":
        """Return some of the windows."""
        parts = (self.past[windows], self.made_at[windows], self.last[windows], self.notes)
        return WindowBatch(*parts, self.names[windows], self.series[windows])


class StrictModel(BaseModel):
    """A JSON object without unknown keys."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, value: object) -> object:
        keys = " and ".join(sorted(cls.model_fields))
        if not isinstance(value, dict):
            raise PydanticCustomError(SENTENCE, "must be an object with {keys}", {"keys": keys})
        unknown = next((key for key in value if key not in cls.model_fields), None)
        if unknown is not None:
            raise PydanticCustomError(
                SENTENCE,
                "has an unknown key '{key}': it takes {keys}",
                {"key": unknown[:MAX_NAME].encode(errors="replace").decode(), "keys": keys},
            )
        return value


class Window(StrictModel):
    """The newest rows up to a time, oldest first."""

    time: Time
    values: Annotated[
        list[Any],
        Field(min_length=1, description="a list of rows, each a list of numbers"),
        WithJsonSchema(
            {
                "type": "array",
                "minItems": 1,
                "items": {"type": "array", "items": {"type": ["number", "string", "boolean", "null"]}},
            }
        ),
    ]


class ForecastRequest(StrictModel):
    """One or more windows, and the order of the features in their rows (by default the model's own)."""

    windows: Annotated[list[Window], Field(min_length=1, description="a list of at least one window")]
    features: Annotated[list[str] | None, Field(description="a list of names")] = None


class PanelWindow(Window):
    """The newest rows of a series up to a time, oldest first."""

    series: Annotated[Any, Field(description="the name of a series")]


class PanelForecastRequest(ForecastRequest):
    """One or more windows of one or more series."""

    windows: Annotated[list[PanelWindow], Field(min_length=1, description="a list of at least one window")]  # type: ignore[assignment]


class TruthRow(StrictModel):
    """Observed values at a time."""

    time: Time
    values: Annotated[
        dict[str, Any],
        Field(min_length=1, description="an object such as {'load': 1.5}"),
        WithJsonSchema({"type": "object", "minProperties": 1, "additionalProperties": {"type": "number"}}),
    ]


class PanelTruthRow(TruthRow):
    """Observed values of a series at a time."""

    series: Annotated[Any, Field(description="the name of a series")]


class ObserveRequest(StrictModel):
    """Rows with truths."""

    rows: Annotated[list[TruthRow], Field(min_length=1, description="a list of at least one row")]


class PanelObserveRequest(ObserveRequest):
    """Rows with truths of one or more series."""

    rows: Annotated[list[PanelTruthRow], Field(min_length=1, description="a list of at least one row")]  # type: ignore[assignment]


class Truth(NamedTuple):
    """An observed value: time in seconds since 1970, index of the target, value in its unit, and name of the series."""

    time: int
    target: int
    value: float
    series: str = ""


def from_json(
    body: bytes, metadata: ModelMetadata, max_windows: int, book: SeriesBook | None = None
) -> WindowBatch:
    """Read a ``ForecastRequest``.

    Args:
        body: Body of the request.
        metadata: Inputs of the model.
        max_windows: Windows that one request may contain.
        book: The series of a model of many; None for one series.

    Raises:
        UserError: What is wrong, and where.
        RequestTooLarge: There are more windows.

    Example:
        A body for a model with two features and a lookback of three rows::

            {"windows": [{"time": "2024-01-31T13:45:00", "values": [[1.2, 0.4], [1.3, 0.4], [1.1, 0.5]]}],
             "features": ["load", "pressure"]}
    """
    columns = series_columns(metadata)
    request = parse_body(PanelForecastRequest if columns else ForecastRequest, body, "windows", max_windows)
    code = series_feature(metadata)  # follows from the name
    features = (
        [name for name in metadata.features if name != code] if request.features is None else request.features
    )
    metadata.check_features([*features, code] if code else features, "features")
    names = [
        "/".join(read_labels(_series(window), columns, f"windows[{number}].series"))
        for number, window in enumerate(request.windows)
        if columns
    ]
    categories, gaps = RequestCategories(metadata), RequestGaps(metadata)
    values = [
        _to_array(window.values, metadata, features, f"windows[{number}].values", categories, gaps)
        for number, window in enumerate(request.windows)
    ]
    made_at = np.array(
        [
            to_grid(metadata, window.time, f"windows[{number}].time")
            for number, window in enumerate(request.windows)
        ]
    )
    notes = categories.notes + gaps.notes
    return _scale_all(made_at, np.stack(values), features, metadata, names, book)._replace(notes=notes)


def from_arrow(
    body: bytes, metadata: ModelMetadata, max_windows: int, book: SeriesBook | None = None
) -> WindowBatch:
    """Read an Arrow stream with the columns ``time``, the features, and ``window`` (integers) if there are several.

    Args:
        body: Body of the request.
        metadata: Inputs of the model.
        max_windows: Windows that one request may contain.
        book: The series of a model of many, whose names are in the columns of the training data; None for one series.

    Raises:
        UserError: What is wrong, and where.
        RequestTooLarge: There are more windows.
    """
    table = _read_arrow(body, metadata.numbers_steps)
    ids, code = series_columns(metadata), series_feature(metadata)
    features = [name for name in table.column_names if name not in ("time", "window", *ids)]
    metadata.check_features([*features, code] if code else features, "The Arrow table")
    time = _read_window_times(table, metadata, max_windows)
    made_at = time[:, metadata.history + metadata.lookback - 1]
    columns, categories, gaps = [], RequestCategories(metadata), RequestGaps(metadata)
    missing = np.zeros((len(table), len(features)), bool)
    for index, name in enumerate(features):
        if name in categories.names:
            columns.append(categories.code_column(table[name], name))
            continue
        numbers, why = as_numbers(table[name], missing=gaps.markers)
        if numbers is None:
            raise UserError(f"Column '{name}' contains {why}, which is not a number.")
        columns.append(floats(numbers))
        missing[:, index] = gaps.find(table[name], columns[-1], name)
    values = np.where(missing, 0.0, np.stack(columns, axis=1))
    values = values.reshape(-1, metadata.input_rows, len(features))
    cells = [list(map(tuple, np.argwhere(window))) for window in missing.reshape(values.shape)]
    for number, window in enumerate(values):
        _check_finite(window, features, f"window {number}")
        gaps.put_back(window, cells[number], features, f"window {number}")
    names = _window_names(table, ids, metadata.input_rows)
    notes = categories.notes + gaps.notes
    return _scale_all(made_at, values, features, metadata, names, book)._replace(notes=notes)


def read_truths(body: bytes, metadata: ModelMetadata, max_rows: int) -> tuple[int, list[Truth]]:
    """Read an ``ObserveRequest``; features that are not targets are allowed and ignored.

    Args:
        body: Body of the request.
        metadata: Targets of the model.
        max_rows: Rows that one request may contain.

    Returns:
        The number of rows, and their truths.

    Raises:
        UserError: What is wrong, and where.
        RequestTooLarge: There are more rows.
    """
    columns = series_columns(metadata)
    request = parse_body(PanelObserveRequest if columns else ObserveRequest, body, "rows", max_rows)
    truths, gaps = [], RequestGaps(metadata)
    for number, row in enumerate(request.rows):
        time = int(to_grid(metadata, row.time, f"rows[{number}].time").astype(np.int64))
        name_of = read_labels(_series(row), columns, f"rows[{number}].series") if columns else ()
        for name, value in row.values.items():
            where = f"rows[{number}].values"
            if name in metadata.categories or (name in metadata.all_features and gaps.is_marker(value)):
                continue
            _check_truth(name, value, metadata, where)
            if name in metadata.targets:
                truths.append(Truth(time, metadata.targets.index(name), float(value), "/".join(name_of)))
    return len(request.rows), truths


def parse_body(model: type[RequestModel], body: bytes, key: str, max_items: int) -> RequestModel:
    """Parse and validate a JSON body.

    Args:
        model: What the body must be.
        body: Body of the request.
        key: Key of the list whose length is limited.
        max_items: Items that the list may contain.

    Raises:
        UserError: What is wrong, and where.
        RequestTooLarge: There are more items.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise UserError("The body is not valid JSON.") from None
    items = content.get(key) if isinstance(content, dict) else None
    if isinstance(items, list) and len(items) > max_items:
        raise RequestTooLarge(
            f"{len(items)} {key} are more than the {max_items} that one request may contain."
        )
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise UserError(_to_sentence(model, error)) from None


def is_number(value: object) -> bool:
    """Return whether a JSON value is a number (true and false are not)."""
    return type(value) in (int, float)


def _to_sentence(model: type[BaseModel], error: ValidationError) -> str:
    """Return the first error as a sentence that names the place, for example ``windows[0].time must be ...``."""
    try:
        first = error.errors(include_url=False, include_input=False)[0]
    except UnicodeError:
        return "The body contains text that is not valid Unicode."
    where, description = "", ""
    for part in first["loc"]:
        if isinstance(part, int):
            if description and not issubclass(model, StrictModel):
                break
            where += f"[{part}]"
            continue
        field = model.model_fields.get(part)
        if field is None:
            break
        where = f"{where}.{part}" if where else part
        description = field.description or ""
        items = [item for item in get_args(field.annotation) if isinstance(item, type)]
        model = next((item for item in items if issubclass(item, BaseModel)), BaseModel)
    if first["type"] == SENTENCE:
        return f"{where or 'The body'} {first['msg']}."
    return f"{where} must be {description}."


def _check_truth(name: str, value: object, metadata: ModelMetadata, where: str) -> None:
    if name not in metadata.all_features:
        raise UserError(
            f"{where}: unknown feature '{name[:MAX_NAME]}'.{nearest(name, metadata.all_features)} "
            f"The targets are {', '.join(metadata.targets)}."
        )
    try:
        is_finite = is_number(value) and np.isfinite(float(value))  # type: ignore[arg-type]
    except OverflowError:
        is_finite = False
    if not is_finite:
        raise UserError(f"{where}.{name} is not a finite number: leave out what was not observed.")


def _to_array(
    rows: list[Any],
    metadata: ModelMetadata,
    features: Sequence[str],
    where: str,
    categories: RequestCategories,
    gaps: RequestGaps,
) -> np.ndarray:
    """Return the rows of a window as float64 ``[rows, features]``, NaN where a value may be missing and is."""
    if not all(isinstance(row, list) for row in rows):
        raise UserError(f"{where} must be a list of rows, each a list of numbers.")
    if len(rows) != metadata.input_rows:
        raise UserError(f"{where} has {len(rows)} rows, and the model needs {_rows_needed(metadata)}.")
    for number, row in enumerate(rows):
        if len(row) != len(features):
            raise UserError(f"{where}[{number}] has {len(row)} numbers for {len(features)} features.")
    rows, cells = gaps.take_out(categories.code_rows(rows, features, where), features)
    for number, row in enumerate(rows):
        if not all(map(is_number, row)):
            column = next(i for i, value in enumerate(row) if not is_number(value))
            raise UserError(
                f"{where}[{number}]: the value of '{features[column]}' is missing or not a number; "
                "fill it with the last one known."
            )
    try:
        values = np.array(rows, np.float64)
    except OverflowError:
        raise UserError(f"{where} contains a number that is too large.") from None
    _check_finite(values, features, where)
    gaps.put_back(values, cells, features, where)
    return values


def _rows_needed(metadata: ModelMetadata) -> str:
    """Return the number of rows of a window, and what they are for if there is more to it."""
    needed = f"exactly {metadata.input_rows}"
    if not metadata.history:
        return needed
    return (
        f"{needed}: the {metadata.lookback} of its window and the {metadata.history} before, which its context"
        " summarizes"
    )


def _check_finite(values: np.ndarray, features: Sequence[str], where: str) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise UserError(
            f"{where}[{row}]: the value of '{features[column]}' is missing or infinite; "
            "fill it with the last one known."
        )


def _series(item: Window | TruthRow) -> object:
    """Return what a window or a row says of its series."""
    return item.series if isinstance(item, PanelWindow | PanelTruthRow) else None


def _window_names(table: pa.Table, ids: Sequence[str], rows: int) -> list[str]:
    """Return the name of the series of each window of an Arrow table."""
    columns = []
    for name in ids:
        if name not in table.column_names:
            raise UserError(f"The Arrow table has no column '{name}', which names the series of each row.")
        text = as_categories(table[name]).to_pylist()
        wrong = next((i for i in range(len(text)) if text[i] is None or text[i] != text[i - i % rows]), None)
        if wrong is not None:
            raise UserError(f"Column '{name}' must name one series in each window, and row {wrong} does not.")
        columns.append(text[::rows])
    return ["/".join(labels) for labels in zip(*columns, strict=True)]


def _scale_all(
    made_at: np.ndarray,
    values: np.ndarray,
    features: Sequence[str],
    metadata: ModelMetadata,
    names: Sequence[str],
    book: SeriesBook | None,
) -> WindowBatch:
    """Scale windows; those of many series each relative to the level of its series."""
    if book is None or not names:
        return _scale(made_at, values, features, metadata)
    book.check(names)
    levels, parts = dict[str, ModelMetadata](), list[WindowBatch]()
    for index, name in enumerate(names):
        window = dict(zip(features, values[index].T, strict=True))
        if name not in levels:
            levels[name] = book.first_level(
                name, {key: column[: metadata.lookback] for key, column in window.items()}
            )
        window = with_series(metadata, name, window)
        rows = np.stack(list(window.values()), axis=1)[None]
        batch = _scale(made_at[index : index + 1], rows, list(window), levels[name])
        parts.append(batch._replace(names=(name,), series=(levels[name],)))
    return WindowBatch.join(parts)


def _scale(
    made_at: np.ndarray, values: np.ndarray, features: Sequence[str], metadata: ModelMetadata
) -> WindowBatch:
    """Add the features that follow from the time or from others, and scale."""
    known_rows = metadata.history + metadata.lookback
    steps = np.arange(1 - known_rows, metadata.reach + 1)
    past = np.empty((len(values), known_rows, len(metadata.channels)), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for number, rows in enumerate(values):
            time = metadata.grid.shift(made_at[number], steps)
            columns = {name: rows[:, index] for index, name in enumerate(features)}
            past[number] = metadata.inputs(time, metadata.rows(time, columns))
    for window in past if np.isnan(values).any() else ():
        _fill(window)
    if not (np.abs(past) <= MAX_SCALED).all():
        raise UserError("A value is too large for the model's single precision.")
    if metadata.history:
        for window in past:
            metadata.add_context(window)
        past = np.ascontiguousarray(past[:, metadata.history :])
    targets = [list(features).index(name) for name in metadata.targets]
    known = values[:, :known_rows, targets]
    for window in known if np.isnan(known).any() else ():
        _fill(window)
    last = known[:, -1]
    return WindowBatch(past, made_at, last)


def _fill(window: np.ndarray) -> None:
    """Carry the last value of each column forward, as in files; the first one is never missing."""
    for index in range(window.shape[1]):
        window[:, index] = carry_forward(window[:, index], before=0.0)


def _read_arrow(body: bytes, numbered: bool) -> pa.Table:
    try:
        table = pa.ipc.open_stream(body).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError):
        raise UserError("The body is not a valid Arrow stream.") from None
    if not table.num_rows:
        raise UserError("The Arrow table has no rows.")
    kind, is_kind = ("integers", pa.types.is_integer) if numbered else ("timestamps", pa.types.is_timestamp)
    if "time" not in table.column_names or not is_kind(table["time"].type):
        raise UserError(f"The Arrow table needs a column 'time' of {kind}.")
    return table


def _read_window_times(table: pa.Table, metadata: ModelMetadata, max_windows: int) -> np.ndarray:
    """Return the times datetime64[s] ``[windows, rows]`` of an Arrow table."""
    if table["time"].null_count:
        raise UserError("Column 'time' has missing values.")
    if not metadata.numbers_steps:
        check_offset(metadata, table["time"].type.tz is not None, "Column 'time'")
    starts, rows = _find_starts(table), metadata.input_rows
    if len(starts) > max_windows:
        raise RequestTooLarge(
            f"{len(starts)} windows are more than the {max_windows} that one request may contain."
        )
    sizes = np.diff([*starts, len(table)])
    if (sizes != rows).any():
        wrong = int((sizes != rows).argmax())
        raise UserError(
            f"Window {wrong} has {sizes[wrong]} rows, and the model needs {_rows_needed(metadata)}."
        )
    time = read_arrow_times(table, metadata)
    if metadata.clock.timezone:
        time = metadata.clock.read(time, table["time"].type.tz is not None, "Column 'time'")
    time = time.reshape(-1, rows)
    if (time[:, 1:] != metadata.grid.shift(time[:, :-1], 1)).any():
        step = metadata.grid.step.describe()
        raise UserError(f"The rows of a window must be {step} apart, in the order of time.")
    made_at = time[:, metadata.history + metadata.lookback - 1]
    if (made_at < EARLIEST).any() or (made_at >= LATEST).any():
        raise UserError("Column 'time' must be between the years 1700 and 2200.")
    return time


def _find_starts(table: pa.Table) -> np.ndarray:
    """Return the first row of each window."""
    if "window" not in table.column_names:
        return np.array([0])
    column = table["window"]
    if not pa.types.is_integer(column.type) or column.null_count:
        raise UserError("Column 'window' must contain integers.")
    return np.flatnonzero(np.append(True, np.diff(column.to_numpy()) != 0))
