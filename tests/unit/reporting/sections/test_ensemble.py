"""The sections of an ensemble's report."""

from tsforecast.reporting import Report
from tsforecast.reporting.sections.ensemble import build

ROW = {
    "params": 5,
    "rmse": 0.5,
    "mae": 0.25,
    "rmse_interval": [0.4, 0.6],
    "over_best_member": None,
    "over_best_member_interval": None,
    "spike_average_precision": None,
    "spike_f1": None,
}
RESULT = {
    "board": [
        {**ROW, "name": "ensemble", "kind": "ensemble", "over_best_member": -0.01},
        {**ROW, "name": "gru", "kind": "member"},
    ],
    "hindsight": {"fixed_rmse": 0.45, "best_member_each_time_rmse": 0.3},
    "daily_weights": {"day": [1, 2], "weights": {"gru": [0.5, 0.75], "lstm": [0.5, 0.25]}},
    "parts": [{"part": "on spikes", "share": 0.05, "rmse": {"ensemble": 0.9, "gru": 1.0}, "gain": 0.1}],
    "seconds": {"members": 2.0, "weights": 1.0},
}


def test_every_section_is_there():
    sections = build(Report(title="", result={"ensemble": RESULT, "unit": "kW"}))
    headings = [section.heading for section in sections]
    assert headings[0].startswith("Weights over time")
    assert headings[1:] == ["All forecasters on the same test windows", "Where the ensemble wins", "Time"]
    assert "gru, the best member" in sections[1].note
    assert "(kW)" in sections[2].note
    cells = [cell.text for cell in sections[1].elements[0].rows[0].cells]
    assert "0.5000 (0.4000 to 0.6000)" in cells
    assert "-0.0100" in cells


def test_a_result_of_an_earlier_version_leaves_sections_out():
    old = {name: value for name, value in RESULT.items() if name not in ("daily_weights", "parts")}
    assert len(build(Report(title="", result={"ensemble": old}))) == 2
    assert build(Report(title="", result={})) == []
