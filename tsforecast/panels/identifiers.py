"""Which series each row of a table belongs to."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.columns.categories import FIRST, as_categories
from tsforecast.errors import UserError, nearest

MAX_SHARE = 0.5  # series per row, above which a column does not name series


def encode_ids(table: pa.Table, columns: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the index ``[N]`` of the series of each row, and the names of the series in the order of the rows.

    Args:
        table: The rows.
        columns: Columns that name the series together.

    Raises:
        UserError: There is no such column, a name is empty, or nearly every row has a name of its own.

    Example:
        >>> index, ids = encode_ids(pa.table({"site": ["b", "b", "a", "a"]}), ["site"])
        >>> index.tolist(), ids
        ([0, 0, 1, 1], ('b', 'a'))
    """
    series, names = _encode(table, columns[0])
    for name in columns[1:]:
        codes, values = _encode(table, name)
        keys, series = np.unique(series * len(values) + codes, return_inverse=True)
        pairs = zip(*np.divmod(keys, len(values)), strict=True)
        names = [f"{names[first]}/{values[second]}" for first, second in pairs]
    if len(names) > MAX_SHARE * table.num_rows:
        raise UserError(
            f"data.series_id: {' and '.join(repr(name) for name in columns)} has {len(names):,} values in"
            f" {table.num_rows:,} rows, nearly one for each row: name the column that tells which series a row belongs"
            " to."
        )
    if len(columns) == 1:  # whose codes are in the order of the rows
        return series, tuple(names)
    _, first_row = np.unique(series, return_index=True)
    order = np.argsort(first_row, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[series], tuple(names[index] for index in order)


def series_codes(vocabulary: Sequence[str]) -> dict[str, int]:
    """Return the code of each series that a model read in training; others have the code of unknown categories.

    Example:
        >>> series_codes(("b", "a"))
        {'b': 2, 'a': 3}
    """
    return {name: FIRST + index for index, name in enumerate(vocabulary)}


def encode_values(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """Return the codes ``[N]`` int64 of the values of a column, and the distinct values in the order of the rows.

    Example:
        >>> codes, values = encode_values(pa.chunked_array([["b", None], ["b"]]))
        >>> codes.tolist(), values.to_pylist()
        ([0, 1, 0], ['b', None])
    """
    encoded = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    return np.asarray(encoded.indices).astype(np.int64), encoded.dictionary


def _encode(table: pa.Table, name: str) -> tuple[np.ndarray, list[str]]:
    """Return the codes ``[N]`` of the values of a column, and the values as text."""
    if name not in table.column_names:
        raise UserError(f"data.series_id: there is no column '{name}'.{nearest(name, table.column_names)}")
    column = table[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    codes, distinct = encode_values(column)
    texts = as_categories(pa.chunked_array([distinct])).to_pylist()  # as later files are read
    index = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    values = list(index)
    if len(values) < len(texts):
        codes = np.array([index[text] for text in texts], np.int64)[codes]
    if None in values:
        missing = np.flatnonzero(codes == values.index(None))
        raise UserError(
            f"data.series_id: column '{name}' is empty in {len(missing):,} rows, the first of them row"
            f" {missing[0] + 1:,}: name the series of each row, or leave these rows out with data.where."
        )
    return codes, values
