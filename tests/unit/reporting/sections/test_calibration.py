"""The section of the PIT histogram."""

import pytest

from tsforecast.reporting.context import Report
from tsforecast.reporting.sections import calibration


def test_bars_are_densities():
    pit = {"levels": [0.1, 0.5], "shares": [0.2, 0.4, 0.4]}
    (section,) = calibration.build(Report(title="", result={"pit": pit}))
    bars = section.elements[0].data["series"][0]
    assert bars[1] == [2, 1, pytest.approx(0.8)]
    assert section.elements[0].data["x"] == [0.05, 0.3, 0.75]


def test_point_forecasts_have_no_section():
    assert calibration.build(Report(title="", result={})) == []
