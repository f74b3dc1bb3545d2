"""Selecting rows by one condition such as ``sensor = 'A'``."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.columns.arrow import floats
from tsforecast.columns.cells import as_numbers, clean_text, is_text
from tsforecast.errors import UserError, nearest

COMPARISONS = {
    "=": pc.equal,
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
CONDITION = re.compile(
    r"""\s*(?:"(?P<double>[^"]+)"|`(?P<back>[^`]+)`|'(?P<single>[^']+)'|(?P<plain>[^=!<>]+?))
    \s*(?:(?P<sign><=|>=|!=|==|=|<|>)|(?<![^\s"'`])(?P<member>in)\s*(?=[(\[]))\s*(?P<value>\S.*?)\s*""",
    re.VERBOSE | re.IGNORECASE,
)
LITERAL = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)"|([^,'"()\[\]]+?))\s*(?:,|$)""")


@dataclass(frozen=True)
class Condition:
    """A comparison of one column with a value, or with several for ``in``.

    Args:
        column: Name of the column.
        sign: ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=`` or ``in``.
        values: As written, without quotes.

    Example:
        >>> condition = Condition.parse("sensor = 'A'")
        >>> condition.select(pa.table({"sensor": ["A", "B", "A"], "load": [1, 2, 3]}))["load"].to_pylist()
        [1, 3]
    """

    column: str
    sign: str
    values: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Return the condition that ``data.where`` states.

        Raises:
            UserError: It is not one comparison of one column.
        """
        match = CONDITION.fullmatch(text) if isinstance(text, str) else None
        values = _parse_values(match["value"], match["member"] is not None) if match else None
        if match is None or values is None:
            raise UserError(
                f'data.where is {text!r}: compare one column with a value, such as "sensor = \'A\'", "id != 3" or'
                " \"sensor in ('A', 'B')\"."
            )
        name = next(match[kind] for kind in ("double", "back", "single", "plain") if match[kind])
        return cls(name.strip(), "in" if match["member"] else match["sign"], values)

    def select(self, table: pa.Table) -> pa.Table:
        """Return the rows for which the condition is true; a missing value never is.

        Raises:
            UserError: As ``find``.
        """
        return table.take(pa.array(self.find(table)))

    def find(self, table: pa.Table) -> np.ndarray:
        """Return the indices of the rows for which the condition is true.

        Raises:
            UserError: There is no such column, or it cannot be compared in this way.
        """
        if self.column not in table.column_names:
            raise UserError(
                f"data.where: there is no column '{self.column}'.{nearest(self.column, table.column_names)}"
            )
        return np.flatnonzero(floats(self.mask(table[self.column]).cast(pa.float64())) == 1)

    def mask(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return whether each value of the column fulfils the condition, null where it is missing."""
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_temporal(column.type):
            return self._compare(column, self._as_times(column.type))
        numbers, _ = as_numbers(column)
        wanted = _as_floats(self.values)
        if numbers is not None and wanted is not None:
            return self._compare(numbers, wanted)
        if not is_text(column.type) and self.sign not in ("=", "==", "!=", "in"):
            raise UserError(
                f"data.where: {self.values[0]!r} is not a number, as column '{self.column}' holds: write one."
            )
        if self.sign in ("<", "<=", ">", ">="):
            raise UserError(
                f"data.where: column '{self.column}' holds text, which {self.sign} does not compare: use =, != or in."
            )
        return self._compare(clean_text(column.cast(pa.string())), list(self.values))

    def _compare(self, column: pa.ChunkedArray, values: list[Any]) -> pa.ChunkedArray:
        if self.sign == "in":
            return pc.is_in(column, value_set=pa.array(values).cast(column.type))
        return COMPARISONS[self.sign](column, pa.scalar(values[0]).cast(column.type))

    def _as_times(self, kind: pa.DataType) -> list[Any]:
        try:
            return [pa.scalar(value).cast(kind) for value in self.values]
        except pa.ArrowException:
            raise UserError(
                f"data.where: {self.values[0]!r} is not a time, as column '{self.column}' holds: write it as"
                " '2024-01-31 13:45:00'."
            ) from None


def _parse_values(text: str, several: bool) -> tuple[str, ...] | None:
    if several:
        if not re.fullmatch(r"\(.+\)|\[.+\]", text):
            return None
        text = text[1:-1]
    values, end = [], 0
    while end < len(text):
        match = LITERAL.match(text, end)
        if match is None or match.end() == end:
            return None
        values.append(next(group for group in match.groups() if group is not None))
        end = match.end()
    return (
        tuple(values)
        if values and (several or (len(values) == 1 and not text.rstrip().endswith(",")))
        else None
    )


def _as_floats(values: tuple[str, ...]) -> list[Any] | None:
    try:
        return [float(value) for value in values]
    except ValueError:
        return None
