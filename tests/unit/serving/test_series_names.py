import pytest

from tests.helpers.serving_case import make_metadata, make_task
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.serving.series_names import read_labels, series_columns, split_records


def test_a_model_of_one_series_has_no_columns_that_name_it():
    assert series_columns(ModelMetadata.from_task(make_task(), make_metadata())) == ()
    assert split_records([(0, '{"load": 1}')], ()) == {"": [(0, '{"load": 1}')]}
    assert split_records([], ()) == {}


@pytest.mark.parametrize(
    ("value", "columns", "labels"),
    [
        ("north", ("site",), ("north",)),
        (7, ("pump",), ("7",)),
        (7.0, ("pump",), ("7",)),  # as files with the same ids have it
        (" a ", ("site",), ("a",)),
        ("north/7", ("site", "pump"), ("north", "7")),
        ({"pump": 7, "site": "north"}, ("site", "pump"), ("north", "7")),
    ],
)
def test_names_are_read_as_files_have_them(value, columns, labels):
    assert read_labels(value, columns, "rows[0].series") == labels


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        (None, ("site",)),
        ("", ("site",)),
        (True, ("site",)),
        (["north"], ("site",)),
        ("north", ("site", "pump")),
        ({"site": "north"}, ("site", "pump")),
        ({"site": "north", "pump": 1, "load": 2}, ("site", "pump")),
    ],
)
def test_what_names_no_series_is_refused(value, columns):
    with pytest.raises(UserError, match=r"rows\[0\]\.series must be the name of a series \(site"):
        read_labels(value, columns, "rows[0].series")
