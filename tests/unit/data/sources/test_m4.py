import lzma

import numpy as np
import pytest

from tsforecast.data.sources.m4 import load
from tsforecast.errors import UserError

TRAIN = '"V1","V2","V3","V4"\n"H1","1","2","3"\n"H2","4","5",\n"H3","7",,\n'
TEST = '"V1","V2","V3"\n"H1","10","11"\n"H2","12","13"\n"H3","14","15"\n'


@pytest.fixture
def files(tmp_path):
    (tmp_path / "train.csv").write_text(TRAIN)
    (tmp_path / "test.csv.xz").write_bytes(lzma.compress(TEST.encode()))
    return str(tmp_path / "train.csv"), str(tmp_path / "test.csv.xz")


def test_test_values_follow_those_for_training(files):
    series = load(*files)
    assert series.panel.ids == ("H1", "H2", "H3")
    assert series.panel.lengths.tolist() == [5, 4, 3]
    assert series.values[:, 0].tolist() == [1, 2, 3, 10, 11, 4, 5, 12, 13, 7, 14, 15]
    assert (series.season, series.step, series.panel.has_clock) == (24, 3600, False)
    assert (series.time[:2].astype(np.int64) // 3600).tolist() == [1, 2]


def test_models_may_read_the_series(files):
    series = load(files[0], series_input=True, season=12)
    assert series.column("unique_id").tolist() == [2, 2, 2, 3, 3, 4]
    assert series.season == 12


def test_what_is_no_file_of_m4_is_refused(files, tmp_path):
    (tmp_path / "other.csv").write_text(TEST.replace("H2", "H9"))
    with pytest.raises(UserError, match=r"data\.test: .* does not have the series"):
        load(files[0], str(tmp_path / "other.csv"))
    (tmp_path / "text.csv").write_text("id,a,b\nx,one,2\ny,two,3\n")
    with pytest.raises(UserError, match=r"data\.train: .* is not a file of M4"):
        load(str(tmp_path / "text.csv"))
    with pytest.raises(UserError, match=r"data\.train: there is no file .* get the files of M4"):
        load(str(tmp_path / "none.csv"))
    with pytest.raises(UserError, match=r"data\.season is 0: give a whole number of rows"):
        load(files[0], season=0)
