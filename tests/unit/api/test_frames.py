import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.helpers.api_case import hourly_frame
from tsforecast.api.frames import data_overrides, find_rows, store, to_frame
from tsforecast.errors import UserError

TABLE = pa.table({"time": np.array(["2024-01-01"], "datetime64[ms]"), "load": [1.5]})


@pytest.mark.parametrize(
    "like",
    [hourly_frame(3), pl.DataFrame({"x": [1]}), TABLE, pl.LazyFrame({"x": [1]})],
    ids=lambda like: str(type(like)),
)
def test_a_table_comes_back_in_the_library_of_the_data(like):
    frame = to_frame(TABLE, like)
    kind = pl.DataFrame if isinstance(like, pl.LazyFrame) else type(like)
    assert type(frame) is kind
    assert list(frame["load"]) in ([1.5], [pa.scalar(1.5)])


def test_for_a_path_the_table_is_arrow():
    assert to_frame(TABLE, "rows.csv") is TABLE


def test_a_frame_is_stored_once_under_its_content(tmp_path):
    frame = hourly_frame(30)
    path = store(frame, tmp_path)
    assert store(frame.copy(), tmp_path) == path
    assert store(frame.assign(load=0.0), tmp_path) != path
    assert pq.read_table(path)["load"].to_pylist() == frame["load"].tolist()


def test_a_time_index_is_stored_as_a_column(tmp_path):
    frame = hourly_frame(30).set_index("time")
    assert pq.read_table(store(frame, tmp_path)).column_names == ["load", "humidity", "time"]


def test_data_become_overrides(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert data_overrides(None, None) == []
    assert data_overrides("ett", None) == ["data=ett"]
    assert data_overrides("plant/a b.csv", ["x", "y"]) == [
        "data=csv",
        "data.path='plant/a b.csv'",
        "data.target=[x,y]",
    ]
    words = data_overrides(hourly_frame(30), "load")
    assert words[0] == "data=csv"
    assert words[1].startswith(f"data.path='{tmp_path}/outputs/data/frame-")
    assert words[2] == "data.target=load"


def test_what_is_not_a_frame_is_refused():
    with pytest.raises(UserError, match="data is None"):
        store(None)
    with pytest.raises(UserError, match="data is a int"):
        find_rows(3).open()
    with pytest.raises(UserError, match="cannot be converted"):
        find_rows(pd.DataFrame({"a": [1, "x"]})).open()
