"""The names of series in requests and rows: one text, or the values of several columns joined by slashes."""

import json
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from tsforecast.columns.categories import as_categories
from tsforecast.errors import UserError
from tsforecast.feeds.batch import Record
from tsforecast.inference.metadata import ModelMetadata

SERIES = "series"  # column of rows that names their series, if the training data had none
Names = tuple[str, ...]


def series_columns(metadata: ModelMetadata) -> Names:
    """Return the columns of rows that name their series together; none for a model of one series."""
    if metadata.panel is None:
        return ()
    return (metadata.recipe.series_id if metadata.recipe else ()) or (SERIES,)


def series_feature(metadata: ModelMetadata) -> str:
    """Return the feature with the code of the series, which follows from its name; empty without one."""
    return str((metadata.panel or {}).get("name") or "")


def split_records(records: Sequence[Record], columns: Names) -> dict[str, list[Record]]:
    """Return the records of each series, in the order of arrival; those of one series have the empty name.

    Args:
        records: Records of rows, see ``feeds.batch.Record``.
        columns: The columns that name their series.

    Example:
        >>> split_records([(0, '{"id": "a", "load": 1}'), (0, '{"id": "b", "load": 2}')], ("id",))
        {'a': [(0, '{"id": "a", "load": 1}')], 'b': [(0, '{"id": "b", "load": 2}')]}
    """
    if not columns:
        return {"": list(records)} if records else {}
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(series_of(record, columns), []).append(record)
    return groups


def series_of(record: Record, columns: Names) -> str:
    """Return the name of the series of a record; empty without columns that name it."""
    if not columns:
        return ""
    content = json.loads(record[1])
    return "/".join(str(content.get(name)) for name in columns)


def read_labels(value: object, columns: Names, where: str) -> Names:
    """Return the values of the columns that name a series.

    Args:
        value: What a request says: a text, or an object with the columns.
        columns: The columns.
        where: Beginning of the message.

    Raises:
        UserError: It names no series.

    Example:
        >>> read_labels({"site": "north", "pump": 7}, ("site", "pump"), "rows[0].series")
        ('north', '7')
    """
    parts: Iterable[object]
    if isinstance(value, Mapping):
        parts = [value.get(name) for name in columns] if set(value) == set(columns) else ()
    elif len(columns) == 1:
        parts = (value,)
    else:
        parts = value.split("/") if isinstance(value, str) else ()
    labels = [_clean(part) for part in parts]
    if len(labels) != len(columns) or None in labels:
        listed = ", ".join(columns)
        example = "a text" if len(columns) == 1 else f"an object with {listed}"
        raise UserError(f"{where} must be the name of a series ({listed}): {example}.")
    return tuple(label for label in labels if label is not None)


def _clean(value: object) -> str | None:
    """Return a value as files have it, see ``as_categories``; None if it names nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        column = pa.chunked_array([[str(value)]], pa.string())
    except UnicodeEncodeError:
        raise UserError("The body contains text that is not valid Unicode.") from None
    text: str | None = as_categories(column)[0].as_py()
    return text
