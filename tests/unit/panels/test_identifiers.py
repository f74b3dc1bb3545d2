import pyarrow as pa
import pytest

from tsforecast.errors import UserError
from tsforecast.panels.identifiers import encode_ids


def test_ids_are_in_the_order_of_the_rows():
    table = pa.table({"meter": [7, 7, 3, 3, 7, 3]})
    series, ids = encode_ids(table, ["meter"])
    assert ids == ("7", "3")
    assert series.tolist() == [0, 0, 1, 1, 0, 1]


def test_several_columns_name_a_series_together():
    table = pa.table({"site": list("aabbaabb"), "pump": list("12121212")})
    series, ids = encode_ids(table, ["site", "pump"])
    assert ids == ("a/1", "a/2", "b/1", "b/2")
    assert series.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]


def test_dictionaries_are_ids_too():
    column = pa.array(["x", "y", "x", "y"]).dictionary_encode()
    assert encode_ids(pa.table({"id": column}), ["id"])[1] == ("x", "y")


@pytest.mark.parametrize(
    ("column", "name", "message"),
    [
        (list("abcdef"), "id", "'id' has 6 values in 6 rows, nearly one for each row"),
        (["a", "a", None, "b"], "id", "column 'id' is empty in 1 rows, the first of them row 3"),
        (["a", " ", "a", "b"], "id", "column 'id' is empty in 1 rows, the first of them row 2"),
        (["a", "a", "a", "b"], "ids", "there is no column 'ids'.*Did you mean 'id'"),
    ],
)
def test_what_does_not_name_series_is_refused(column, name, message):
    with pytest.raises(UserError, match=message):
        encode_ids(pa.table({"id": column}), [name])
