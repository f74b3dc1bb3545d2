"""The programs in the pages for users of other libraries."""

import shutil

import pandas as pd
import pytest

from benchmarks import coming_from

PAGES = ("neuralforecast", "darts", "gluonts")


@pytest.fixture(scope="module")
def hours(tmp_path_factory):
    path = tmp_path_factory.mktemp("hours") / "hourly.csv"
    coming_from.write_hours(path)
    return path


def test_the_hours_are_whole_days_without_gaps(hours):
    table = pd.read_csv(hours, parse_dates=["time"])
    assert len(table) % 24 == 0
    assert list(table.time.dt.hour.iloc[[0, -1]]) == [1, 0]
    assert table.load.notna().all()
    assert (table.time.diff().dropna() == pd.Timedelta("1h")).all()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_the_program_of_both_libraries(page):
    programs = coming_from.programs(page)
    assert len(programs) == 2
    for name, code in programs.items():
        compile(code, f"{page}: {name}", "exec")
    assert coming_from.TABLE.search((coming_from.PAGES / f"{page}.md").read_text(encoding="utf-8"))


def test_our_program_runs(hours, tmp_path, monkeypatch):
    """With a linear model, a few steps and the last hours of the file."""
    code = coming_from.programs("neuralforecast")["tsforecast"]
    for old, new in (
        ('"gru"', '"dlinear"'),
        ('"training.max_steps": 500', '"training.max_steps": 5'),
        ('parse_dates=["time"])', 'parse_dates=["time"]).tail(4000)'),
    ):
        assert old in code
        code = code.replace(old, new)
    shutil.copy(hours, tmp_path)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    assert 0.3 < names["rmse"] < 2.0
    assert len(names["scored"]) == 1440
