"""Every file in ``sections/`` is found and has its place; a new file needs nothing else."""

import pytest

from tsforecast.reporting import Report, sections
from tsforecast.reporting.elements import Facts
from tsforecast.reporting.sections import build_sections, find_modules, importance, latency, metrics, stages

NEW_SECTION = """
from tsforecast.reporting.elements import BulletList, Section

ORDER = 55


def build(report):
    return [Section("Weather", [BulletList([report.result["weather"]])])] if "weather" in report.result else []
"""


def test_a_new_section_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "weather.py").write_text(NEW_SECTION)
    monkeypatch.setattr(sections, "__path__", [*sections.__path__, str(tmp_path)])
    result = {"metrics": {"test/rmse": 1.0}, "seed": 1, "weather": "It rained."}
    headings = [section.heading for section in build_sections(Report(title="", result=result))]
    assert headings == ["Metrics", "Weather", "To reproduce these figures"]


def test_every_file_has_a_place_of_its_own():
    orders = [module.ORDER for module in find_modules()]
    assert len(orders) > 10
    assert len(set(orders)) == len(orders)


def test_a_run_with_nothing_to_show_has_no_section():
    assert build_sections(Report(title="", result={})) == []


def test_latency_is_shown_where_it_was_measured():
    measured = {"median": 1.234, "low": 1.1, "high": 1.4, "calls": 200}
    (section,) = latency.build(Report(title="", result={"latency_ms": measured}))
    assert section.elements == [Facts({"Median": "1.23 ms", "Quartiles": "1.1 ms to 1.4 ms"})]
    assert latency.build(Report(title="", result={"latency_ms": None})) == []


@pytest.mark.parametrize(
    ("block", "step", "label"),
    [
        ((1, 1), 60, "last step"),
        ((2, 5), 0, "2 to 5 steps back"),
        ((31, 60), 60, "31 to 60 steps back (30 to 59 min ago)"),
        ((61, 121), 60, "61 to 121 steps back (1 to 2 h ago)"),
        ((5, 5), 86_400, "5 steps back (4 days ago)"),
    ],
)
def test_a_block_of_time_says_how_long_ago_it_was(block, step, label):
    assert importance.block_label(*block, step) == label


def test_each_of_several_targets_has_its_errors_in_the_table_of_metrics():
    figures = {"test/rmse": 2.0, "test/mae": 1.0, "test/rmse_scaled": 0.25}
    targets = {
        name: {"metrics": figures, "baselines": {"persistence": {"test/rmse": 4.0, "test/mae": 0.5}}}
        for name in ("load", "price")
    }
    result = {"model": "gru", "metrics": figures, "baselines": {"persistence": figures}, "targets": targets}
    (section,) = metrics.build(Report(title="", result=result))
    rows = [[cell.text for cell in row.cells] for row in section.elements[0].rows]
    start = rows.index(["Test, load"])
    assert rows[start + 1 : start + 4] == [
        ["RMSE", "2.0000", "4.0000"],
        ["MAE", "1.0000", "0.5000"],
        ["Test, price"],
    ]
    assert "mix the units of the targets" in section.note
    assert "0.2500" in section.note
    (section,) = metrics.build(Report(title="", result=result | {"unit": "kW"}))
    assert "mix the units" not in section.note


def test_stages_are_a_table_and_a_result_without_them_has_no_section():
    times = {"start": {"seconds": 1.23, "cpu_seconds": 1.0}, "test": {"seconds": 20.0, "cpu_seconds": 39.96}}
    (section,) = stages.build(Report(title="", result={"stages": times}))
    (table,) = section.elements
    assert [cell.text for cell in table.rows[1].cells] == ["test", "20.00", "40.00"]
    assert stages.build(Report(title="", result={})) == []
