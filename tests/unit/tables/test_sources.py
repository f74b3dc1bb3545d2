import pytest

from tsforecast.errors import UserError
from tsforecast.tables.file_source import FileSource
from tsforecast.tables.query import QuerySource
from tsforecast.tables.sources import find_source


def test_files_and_queries_are_told_apart_by_the_connection(tmp_path):
    (tmp_path / "a.csv").write_text("time,load\n2024-01-01,1\n")
    assert isinstance(find_source(str(tmp_path), None), FileSource)
    assert isinstance(find_source(f"FROM '{tmp_path}/a.csv'", "duckdb://"), QuerySource)


@pytest.mark.parametrize(
    ("data", "connection", "match"),
    [
        ("missing.csv", None, "^predict.data: there is no file missing.csv"),
        ("SELECT * FROM missing", "duckdb://", "^predict.data fails: .*missing"),
        ("SELECT 1", "sqlite:///missing.db", "^predict.connection: there is no file missing.db"),
        (
            "SELECT 1",
            "postgresql://a:top-secret@host/b",
            "^predict.connection contains a password",
        ),
    ],
)
def test_what_is_not_there_is_refused_by_the_keys_of_prediction(data, connection, match):
    with pytest.raises(UserError, match=match) as caught:
        find_source(data, connection)
    assert "top-secret" not in str(caught.value)
