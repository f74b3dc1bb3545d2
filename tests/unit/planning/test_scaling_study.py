"""Growth and limits from made-up sizes, checked by hand."""

import datetime

import pytest

from tsforecast.planning.scaling_study import findings, line, markdown, met, months_until

ROWS = [781_163, 1_000_000, 1_500_000]
TODAY = datetime.date(2026, 1, 1)


def one(rows, peak=2e9, step=0.04):
    return {
        "rows": rows,
        "device": "a processor",
        "kind": "cpu",
        "loading": 2e-6 * rows,
        "data": 170 * rows,
        "peak": peak + 170 * rows,
        "models": {"lstm": {"step": {"median": step}, "steps_a_pass": rows // 50, "scoring": 4e-6 * rows}},
    }


def test_a_line_tells_its_slope_and_how_far_a_size_lies_from_it():
    straight = line([1, 2, 3], [10, 20, 30])
    assert straight["slope"] == pytest.approx(10)
    assert straight["start"] == pytest.approx(0, abs=1e-9)
    assert straight["linear"]
    bent = line([1, 2, 3], [0, 0, 30])  # the line is 15 x - 20, the middle lies 10 below it
    assert bent["deviation"] == pytest.approx(10 / 30)
    assert not bent["linear"]


@pytest.mark.parametrize(
    ("rows", "months"), [(500_000, 0), (781_163, 0), (1_000_000, 3), (1_250_000, 4.5), (2_000_000, 9)]
)
def test_the_users_grow_as_they_said_and_then_as_in_their_last_months(rows, months):
    assert months_until(rows) == pytest.approx(months)


def test_a_limit_is_met_where_the_line_meets_it():
    grown = {"slope": 2.0, "start": 100.0}
    assert met(grown, 2_000_100.0, TODAY) == {"rows": 1_000_000, "date": "2026-04-02"}
    assert met(grown, 1e15, TODAY)["date"] is None
    assert met({"slope": 0.0, "start": 100.0}, 50.0, TODAY) == {"rows": None, "date": None}


def test_time_grows_with_the_rows_and_memory_with_the_data_alone():
    found = findings([one(rows) for rows in ROWS], memory=24 * 10**9, today=TODAY)
    growth = found["growth"]
    assert all(curve["linear"] for curve in growth.values())
    assert growth["a pass of every model, s"]["slope"] == pytest.approx(0.04 / 50, rel=1e-3)
    assert growth["peak memory, bytes"]["slope"] == pytest.approx(170)
    assert found["rest"]["flat"]
    (retraining, *_), (*_, card) = zip(*found["limits"].items(), strict=True)
    assert "retraining each day within 8 h" in retraining
    assert card["rows"] == pytest.approx(30e9 / 170, rel=1e-6)  # 32 GB less 2 GB


def test_memory_that_grows_by_more_than_the_data_is_told():
    sizes = [one(rows, peak=2e9 + 1000 * rows) for rows in ROWS]
    found = findings(sizes, memory=24 * 10**9, today=TODAY)
    assert not found["rest"]["flat"]
    text = markdown(found | {"sizes": sizes, "batch_size": 32, "versions": {}})
    assert "| not flat |" in text
    assert "| a step of lstm | 0.040 s | 0.040 s | 0.040 s |" in text
