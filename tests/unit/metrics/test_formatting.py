"""Figures with and without units."""

import math

from tsforecast.metrics.formatting import add_unit, format_skill, format_value


def test_a_figure_without_a_unit_ends_with_its_last_digit():
    assert format_value(95.90971) == "95.9097"
    assert format_value(0.61234, "kW") == "0.6123 kW"
    assert format_value(2.0, "kW", digits=1) == "2.0 kW"


def test_a_label_without_a_unit_has_no_brackets():
    assert (add_unit("RMSE", ""), add_unit("RMSE", "kW")) == ("RMSE", "RMSE (kW)")


def test_a_skill_that_is_not_defined_is_said_in_words():
    assert format_skill(-0.0312) == "skill -3.1 %"
    for value in (None, math.nan):
        assert format_skill(value) == "no skill, as the baseline's error is 0"
