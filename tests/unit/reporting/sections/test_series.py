"""The sections on the series of a panel."""

from tsforecast.reporting import Report
from tsforecast.reporting.sections.series import build


def result(count, **more):
    figures = {
        f"s{i}": {"windows": 2, "mase": 1 + i / 10, "smape": 5.0, "rmsse": 1.0, "mae": 3.0}
        for i in range(count)
    }
    return {"series": {**figures, **more}, "unit": "kW"}


def test_few_series_are_all_shown():
    sections = build(Report(title="", result=result(3)))
    assert [section.heading for section in sections] == ["Series", "All series"]
    table = sections[1].elements[0]
    assert [row.cells[0].text for row in table.rows] == ["s0", "s1", "s2"]


def test_of_many_series_the_ends_are_shown():
    sections = build(Report(title="", result=result(300)))
    assert [section.heading for section in sections] == ["Series", "Best series", "Worst series"]
    best, worst = ([row.cells[0].text for row in section.elements[0].rows] for section in sections[1:])
    assert best == [f"s{i}" for i in range(10)]
    assert worst == [f"s{i}" for i in range(299, 289, -1)]
    curve = sections[0].elements[0].data
    assert len(curve["x"]) == 200
    assert curve["x"][-1] == 100


def test_series_without_a_mase_are_counted():
    sections = build(Report(title="", result=result(2, flat={"windows": 2, "mase": None, "mae": 0.0})))
    assert "MASE is not defined for 1 of them" in sections[0].note


def test_without_any_mase_the_order_is_that_of_smape():
    figures = {
        name: {"windows": 2, "mase": None, "smape": smape, "mae": 0.0}
        for name, smape in (("a", 9.0), ("b", 4.0))
    }
    sections = build(Report(title="", result={"series": figures, "unit": "kW"}))
    assert [row.cells[0].text for row in sections[1].elements[0].rows] == ["b", "a"]


def test_one_series_has_no_such_section():
    assert build(Report(title="", result={"unit": "kW"})) == []
