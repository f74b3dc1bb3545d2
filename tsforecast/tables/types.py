"""Column types of tables that are not text, brought to those that the readers know."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.columns.cells import is_number, is_text


def plain_table(table: pa.Table) -> pa.Table:
    """Return a table without dictionaries, extension types and half precision.

    Example:
        >>> codes = pa.array(["a", "b", "a"]).dictionary_encode()
        >>> plain_table(pa.table({"site": codes})).schema.field("site").type
        DataType(string)
    """
    for index, field in enumerate(table.schema):
        column = plain_column(table.column(index))
        if column.type != field.type:
            table = table.set_column(index, field.name, column)
    return table


def plain_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without dictionary, extension type or half precision."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
    elif pa.types.is_dictionary(kind):
        column = pa.chunked_array([_decode(chunk) for chunk in column.chunks], _text(kind.value_type))
    elif pa.types.is_string_view(kind):
        return column.cast(pa.string())
    elif pa.types.is_float16(kind):
        return column.cast(pa.float32())
    elif pa.types.is_run_end_encoded(kind):
        return pc.run_end_decode(column)
    else:
        return column
    return plain_column(column)


def _decode(codes: pa.DictionaryArray) -> pa.Array:
    return codes.dictionary.cast(_text(codes.dictionary.type)).take(codes.indices)


def _text(kind: pa.DataType) -> pa.DataType:
    """Return the type of text that all functions of Arrow know, and any other type as it is."""
    return pa.string() if pa.types.is_string_view(kind) else kind


def distinct_types(name: str, tables: Sequence[pa.Table]) -> list[pa.DataType]:
    """Return the types that a column has in some tables, in their order; nulls are of any type."""
    kinds = [table.schema.field(name).type for table in tables if name in table.column_names]
    return list(dict.fromkeys(kind for kind in kinds if not pa.types.is_null(kind)))


def common_type(kinds: Sequence[pa.DataType]) -> pa.DataType | None:
    """Return a type that holds the values of columns of some distinct types, or None.

    Example:
        >>> common_type([pa.int64(), pa.float32()])
        DataType(double)
        >>> common_type([pa.timestamp("s"), pa.timestamp("us", "UTC")]) is None
        True
    """
    if len(kinds) < 2:
        return kinds[0] if kinds else pa.null()
    if all(is_number(kind) or pa.types.is_boolean(kind) for kind in kinds):
        return pa.int64() if all(pa.types.is_signed_integer(kind) for kind in kinds) else pa.float64()
    if all(is_text(kind) for kind in kinds):
        return pa.large_string()
    if all(pa.types.is_timestamp(kind) or pa.types.is_date(kind) for kind in kinds):
        zones = {kind.tz if pa.types.is_timestamp(kind) else None for kind in kinds}
        if len(zones) == 1 or None not in zones:
            return pa.timestamp("ns", zones.pop() if len(zones) == 1 else "UTC")
    return None


def join_pieces(pieces: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of pieces of one table; a column whose types do not go together becomes text."""
    kinds = {name: distinct_types(name, pieces) for name in pieces[0].column_names}
    schema = pa.schema([(name, common_type(kinds[name]) or pa.string()) for name in kinds])
    return pa.concat_tables([piece.cast(schema) for piece in pieces])
