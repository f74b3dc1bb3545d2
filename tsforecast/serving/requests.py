"""Windows as requests bring them, JSON or Arrow, checked and scaled; every refusal is one sentence."""

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tsforecast.data.arrow import floats
from tsforecast.data.cells import as_numbers
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata

EARLIEST, LATEST = np.datetime64("1900-01-01T00:00:00", "s"), np.datetime64("2200-01-01T00:00:00", "s")


class WindowsIn(NamedTuple):
    """n windows of a request.

    Args:
        past: float32 ``[n, L, C]``, scaled.
        made_at: ``[n]`` datetime64[s], the time of each last row.
        last: ``[n, T]`` last known values of the targets, in their unit.
    """

    past: np.ndarray
    made_at: np.ndarray
    last: np.ndarray


class TooMany(UserError):
    """More windows or rows than a request may bring."""


def from_json(body: bytes, metadata: ModelMetadata, most: int) -> WindowsIn:
    """Reads ``{"windows": [{"time": ..., "values": [[...], ...]}, ...], "features": [...]}``.

    Args:
        body: of the request.
        metadata: of the model.
        most: windows.

    Raises:
        UserError: what is wrong, and where.
        TooMany: there are more windows.
    """
    request = json_object(body, {"windows", "features"})
    features = request.get("features")
    if features is None:
        features = list(metadata.features)
    if not isinstance(features, list) or not all(isinstance(name, str) for name in features):
        raise UserError("features must be a list of names.")
    metadata.check_features(features, "features")
    windows = a_list(request, "windows", most)
    made_at, values = [], []
    for number, window in enumerate(windows):
        where = f"windows[{number}]"
        check_keys(window, {"time", "values"}, where)
        made_at.append(read_time(window.get("time"), f"{where}.time"))
        values.append(_values(window.get("values"), metadata, features, f"{where}.values"))
    return _scaled(np.array(made_at), np.stack(values), features, metadata)


def from_arrow(body: bytes, metadata: ModelMetadata, most: int) -> WindowsIn:
    """Reads an Arrow stream with columns ``time``, the features, and ``window`` (a whole number) if there are several.

    Raises:
        UserError: what is wrong, and where.
        TooMany: there are more windows.
    """
    table = _arrow_table(body)
    rows_in = metadata.rows_in
    if "time" not in table.column_names or not pa.types.is_timestamp(table["time"].type):
        raise UserError("The Arrow table needs a column 'time' of timestamps.")
    features = [name for name in table.column_names if name not in ("time", "window")]
    metadata.check_features(features, "The Arrow table")
    if table["time"].null_count:
        raise UserError("Column 'time' has missing values.")
    starts = _starts(table)
    if len(starts) > most:
        raise TooMany(f"{len(starts)} windows are more than the {most} that one request may bring.")
    sizes = np.diff([*starts, len(table)])
    if (sizes != rows_in).any():
        wrong = int((sizes != rows_in).argmax())
        raise UserError(f"Window {wrong} has {sizes[wrong]} rows, and the model needs exactly {rows_in}.")
    seconds = np.asarray(table["time"].cast(pa.timestamp("s"), safe=False).cast(pa.int64()).to_numpy())
    time = seconds.astype("datetime64[s]").reshape(-1, rows_in)
    if (np.diff(time, axis=1) != np.timedelta64(metadata.step, "s")).any():
        raise UserError(f"The rows of a window must be {metadata.step} s apart, in the order of time.")
    made_at = time[:, metadata.lookback - 1]
    _check_times(made_at, "Column 'time'")
    columns = []
    for name in features:
        numbers, why = as_numbers(table[name])
        if numbers is None:
            raise UserError(f"Column '{name}' holds {why}, which is no number.")
        columns.append(floats(numbers))
    values = np.stack(columns, axis=1).reshape(-1, rows_in, len(features))
    for number, window in enumerate(values):
        _check_finite(window, features, f"window {number}")
    return _scaled(made_at, values, features, metadata)


def json_object(body: bytes, keys: set[str]) -> dict[str, Any]:
    """A request's JSON object that has no other keys than these."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        raise UserError("The body is not valid JSON.") from None
    check_keys(request, keys, "The body")
    return request


def check_keys(value: Any, keys: set[str], where: str) -> None:
    """Refuses what is no object, and keys that nobody would read."""
    if not isinstance(value, dict):
        raise UserError(f"{where} must be an object with {' and '.join(sorted(keys))}.")
    unknown = next((key for key in value if key not in keys), None)
    if unknown is not None:
        raise UserError(
            f"{where} has an unknown key '{unknown[:80]}': it takes {' and '.join(sorted(keys))}."
        )


def a_list(request: dict[str, Any], key: str, most: int) -> list[Any]:
    """The list under a key, neither empty nor too long."""
    found = request.get(key)
    if not isinstance(found, list) or not found:
        raise UserError(f"{key} must be a list of at least one.")
    if len(found) > most:
        raise TooMany(f"{len(found)} {key} are more than the {most} that one request may bring.")
    return found


def read_time(text: Any, where: str) -> np.datetime64:
    """A time in ISO 8601, such as ``2010-11-26T21:02:00``; with an offset it is brought to UTC."""
    try:
        if not isinstance(text, str):
            raise ValueError
        read = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
        if read.tzinfo is not None:
            read = read.astimezone(timezone.utc).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise UserError(f"{where} must be a time such as 2010-11-26T21:02:00.") from None
    found = np.datetime64(read, "s")
    _check_times(np.array([found]), where)
    return found


def is_number(value: Any) -> bool:
    """Whether JSON wrote a number (true and false are none)."""
    return type(value) in (int, float)


def _check_times(times: np.ndarray, where: str) -> None:
    if (times < EARLIEST).any() or (times >= LATEST).any():
        raise UserError(f"{where} must lie between the years 1900 and 2200.")


def _values(rows: Any, metadata: ModelMetadata, features: Sequence[str], where: str) -> np.ndarray:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise UserError(f"{where} must be a list of rows, each a list of numbers.")
    if len(rows) != metadata.rows_in:
        raise UserError(f"{where} has {len(rows)} rows, and the model needs exactly {metadata.rows_in}.")
    for number, row in enumerate(rows):
        if len(row) != len(features):
            raise UserError(f"{where}[{number}] has {len(row)} numbers for {len(features)} features.")
        if not all(map(is_number, row)):
            column = next(i for i, value in enumerate(row) if not is_number(value))
            raise UserError(
                f"{where}[{number}]: the value of '{features[column]}' is missing or no number; "
                "fill it with the last one known."
            )
    try:
        values = np.array(rows, np.float64)
    except OverflowError:
        raise UserError(f"{where} holds a number that is too large.") from None
    _check_finite(values, features, where)
    return values


def _check_finite(values: np.ndarray, features: Sequence[str], where: str) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise UserError(
            f"{where}[{row}]: the value of '{features[column]}' is missing or infinite; "
            "fill it with the last one known."
        )


def _scaled(
    made_at: np.ndarray, values: np.ndarray, features: Sequence[str], metadata: ModelMetadata
) -> WindowsIn:
    """Adds what time and formulas give, and scales."""
    steps = np.arange(1 - metadata.lookback, metadata.reach + 1) * np.timedelta64(metadata.step, "s")
    past = np.empty((len(values), metadata.lookback, len(metadata.channels)), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for number, rows in enumerate(values):
            time = made_at[number] + steps
            columns = {name: rows[:, index] for index, name in enumerate(features)}
            past[number] = metadata.inputs(time, metadata.rows(time, columns))
    if not np.isfinite(past).all():
        raise UserError("A value is too large for the model's single precision.")
    last = np.stack(
        [values[:, metadata.lookback - 1, list(features).index(name)] for name in metadata.targets], axis=-1
    )
    return WindowsIn(past, made_at, last)


def _arrow_table(body: bytes) -> pa.Table:
    try:
        table = pa.ipc.open_stream(body).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError):
        raise UserError("The body is not a valid Arrow stream.") from None
    if not table.num_rows:
        raise UserError("The Arrow table has no row.")
    return table


def _starts(table: pa.Table) -> np.ndarray:
    """The first row of each window."""
    if "window" not in table.column_names:
        return np.array([0])
    column = table["window"]
    if not pa.types.is_integer(column.type) or column.null_count:
        raise UserError("Column 'window' must hold whole numbers.")
    return np.flatnonzero(np.append(True, np.diff(column.to_numpy()) != 0))
