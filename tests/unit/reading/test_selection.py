"""``data.where`` is one comparison of one column, and never anything else."""

import datetime

import pyarrow as pa
import pytest

from tsforecast.errors import UserError
from tsforecast.reading.selection import Condition

TABLE = pa.table(
    {
        "sensor": ["A", "B", None, "C d", "in"],
        "id": [1, 2, 3, 4, 5],
        "site, no [1]": ["1", "2", "3", "4.0", "5"],
        "a=b": [0.5, 1.5, 2.5, 3.5, 4.5],
        "time": [datetime.datetime(2024, 1, day) for day in (1, 2, 3, 4, 5)],
    }
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("sensor = 'A'", [1]),
        ("sensor=A", [1]),
        ("sensor == C d", [4]),
        ("sensor != 'A'", [2, 4, 5]),
        ("sensor in ('A', \"B\")", [1, 2]),
        ("sensor in [A, C d]", [1, 4]),
        ("sensor = 'in'", [5]),
        ("id >= 4", [4, 5]),
        ("id < 2.5", [1, 2]),
        ("id in (1, 5)", [1, 5]),
        ("'site, no [1]' = 4", [4]),
        ('"a=b" > 3', [4, 5]),
        ("`a=b` <= 0.5", [1]),
        ("time > '2024-01-03'", [4, 5]),
        ("sensor = 'Z'", []),
    ],
)
def test_rows_are_selected(text, rows):
    assert Condition.parse(text).select(TABLE)["id"].to_pylist() == rows


@pytest.mark.parametrize(
    "text",
    ["", "sensor", "sensor = ", "= 3", "sensor in 'A'", "sensor in ()", "id = 1, 2", "sensor = 'A' or id = 2",
     "__import__('os')", "sensor ~ 'A'", 3],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(UserError, match=r"data.where is .*compare one column with a value"):
        Condition.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sensr = 'A'", "no column 'sensr'.*Did you mean 'sensor'"),
        ("sensor < 'B'", "holds text, which < does not compare"),
        ("id > abc", "'abc' is not a number"),
        ("time > noon", "'noon' is not a time"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_refused(text, message):
    with pytest.raises(UserError, match=message):
        Condition.parse(text).select(TABLE)
