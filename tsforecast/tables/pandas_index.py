"""The index that pandas writes next to the columns of a frame, in Parquet files and in memory."""

import json

import pyarrow as pa

from tsforecast.reading.dialect import clean_names
from tsforecast.tables.table import REPEATED, unique_names

UNNAMED = "__index_level_0__"


def index_columns(schema: pa.Schema) -> tuple[str, ...]:
    """Return the columns in which pandas wrote an index, as the metadata of a schema state."""
    stored = (schema.metadata or {}).get(b"pandas")
    if stored is None:
        return ()
    names = json.loads(stored).get("index_columns", ())
    return tuple(name for name in names if isinstance(name, str) and name in schema.names)


def name_columns(schema: pa.Schema) -> tuple[list[str], tuple[str, ...], tuple[str, ...]]:
    """Return names that are all different, those of several columns, and notes on what is left out.

    A nameless index of times or text is called ``index``. One of numbers counts the rows and is hidden behind a mark,
    as are several columns of one name.
    """
    raw = list(schema.names)
    notes: tuple[str, ...] = ()
    for position, name in enumerate(raw):
        if name == UNNAMED and name in index_columns(schema):
            if pa.types.is_integer(schema.field(position).type):
                raw[position] = f"{REPEATED}index"
                notes = ("The nameless index of the data frame, which counts its rows, was left out.",)
            elif "index" not in raw:
                raw[position] = "index"
    names, repeated = unique_names(clean_names(raw))
    return names, repeated, notes
