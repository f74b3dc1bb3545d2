"""Growth and limits from made-up sizes, checked by hand."""

import datetime

import pytest

from tests.helpers.panel_case import make_panel
from tsforecast.errors import UserError
from tsforecast.planning.scaling_study import (
    analyze_growth,
    find_limit,
    fit_line,
    markdown,
    months_to_reach,
    take_share,
)

ROWS = [781_163, 1_000_000, 1_500_000]
TODAY = datetime.date(2026, 1, 1)


def size(rows, peak=2e9, step=0.04):
    return {
        "rows": rows,
        "device": "a processor",
        "kind": "cpu",
        "loading": 2e-6 * rows,
        "data": 170 * rows,
        "peak": peak + 170 * rows,
        "models": {"lstm": {"step": {"median": step}, "steps_a_pass": rows // 50, "scoring": 4e-6 * rows}},
    }


def test_a_line_has_a_slope_and_a_largest_deviation():
    straight = fit_line([1, 2, 3], [10, 20, 30])
    assert straight["slope"] == pytest.approx(10)
    assert straight["start"] == pytest.approx(0, abs=1e-9)
    assert straight["linear"]
    bent = fit_line([1, 2, 3], [0, 0, 30])  # the line is 15 x - 20, the middle lies 10 below it
    assert bent["deviation"] == pytest.approx(10 / 30)
    assert not bent["linear"]


@pytest.mark.parametrize(
    ("rows", "months"), [(500_000, 0), (781_163, 0), (1_000_000, 3), (1_250_000, 4.5), (2_000_000, 9)]
)
def test_growth_follows_the_users_figures_and_then_their_last_pace(rows, months):
    assert months_to_reach(rows) == pytest.approx(months)


def test_a_limit_is_reached_where_the_line_reaches_it():
    line = {"slope": 2.0, "start": 100.0}
    assert find_limit(line, 2_000_100.0, TODAY) == {"rows": 1_000_000, "date": "2026-04-02"}
    assert find_limit(line, 1e15, TODAY)["date"] is None
    assert find_limit({"slope": 0.0, "start": 100.0}, 50.0, TODAY) == {"rows": None, "date": None}


def test_time_grows_with_the_rows_and_memory_only_with_the_data():
    result = analyze_growth([size(rows) for rows in ROWS], memory=24 * 10**9, today=TODAY)
    growth = result["growth"]
    assert all(curve["linear"] for curve in growth.values())
    assert growth["one pass of every model, s"]["slope"] == pytest.approx(0.04 / 50, rel=1e-3)
    assert growth["peak memory, bytes"]["slope"] == pytest.approx(170)
    assert result["rest"]["flat"]
    (retraining, *_), (*_, card) = zip(*result["limits"].items(), strict=True)
    assert "daily retraining within 8 h" in retraining
    assert card["rows"] == pytest.approx(30e9 / 170, rel=1e-6)  # 32 GB less 2 GB


def test_memory_that_grows_by_more_than_the_data_is_reported():
    sizes = [size(rows, peak=2e9 + 1000 * rows) for rows in ROWS]
    result = analyze_growth(sizes, memory=24 * 10**9, today=TODAY)
    assert not result["rest"]["flat"]
    text = markdown(result | {"sizes": sizes, "batch_size": 32, "versions": {}})
    assert "| not flat |" in text
    assert "| one step of lstm | 0.040 s | 0.040 s | 0.040 s |" in text


def test_a_share_of_many_series_is_the_first_of_them():
    four = make_panel(lengths=(30, 40, 50, 60), levels=(1, 2, 3, 4), starts=(0, 0, 0, 0))
    assert take_share(four, 0.5).panel.ids == ("a", "b")
    assert len(take_share(four, 0.25)) == 30
    with pytest.raises(UserError, match="it needs 4 or more, and these are 3"):
        take_share(make_panel(), 0.5)
