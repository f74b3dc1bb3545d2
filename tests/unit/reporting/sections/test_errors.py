"""Errors by hour: an hour without windows is a gap."""

from tsforecast.reporting import Report
from tsforecast.reporting.sections import errors


def test_an_hour_without_windows_is_a_gap():
    hours = {
        "group": [6, 7, 9],
        "rmse": [1.0, 2.0, 3.0],
        "mae": [0.5, 1.0, 1.5],
        "persistence/rmse": [2.0, 2.5, 4.0],
    }
    (section,) = errors.build(Report(title="", result={"unit": "kW"}, by_hour=hours))
    (chart,) = section.elements
    assert list(chart.data["x"]) == list(range(24))
    lines = {label: values for label, values, *_ in chart.data["series"]}
    assert lines["RMSE"][5:11] == [None, 1.0, 2.0, None, 3.0, None]
    assert lines["Persistence RMSE"][5:11] == [None, 2.0, 2.5, None, 4.0, None]
