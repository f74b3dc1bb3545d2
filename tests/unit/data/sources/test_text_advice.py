"""Text columns that are left out or refused are named with what to do about them."""

import shlex

import numpy as np
import pyarrow as pa
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from tests.unit.data.sources.test_csv import lines, read, stamps
from tsforecast.data.sources.text_advice import advise_numbers, advise_text
from tsforecast.errors import UserError


def rows(bad, where=5, count=30):
    return lines(
        (f"{t},{i},{bad if i == where else i}" for i, t in enumerate(stamps(count))), "time,load,flow"
    )


@pytest.mark.parametrize("bad", ["Bad", "n/e", "<0.5", "it's", "null value"])
def test_following_the_advice_reads_the_column(tmp_path, bad):
    (note,) = read(tmp_path, rows(bad)).notes
    (option,) = shlex.split(note.partition(", set ")[2].removesuffix("."))
    override = OverridesParser.create().parse_override(option)
    assert override.key_or_group == "data.missing_values"
    series = read(tmp_path, rows(bad), missing_values=override.value())
    assert np.flatnonzero(np.isnan(series.column("flow"))).tolist() == [5]


def test_a_refused_target_names_the_marker(tmp_path):
    with pytest.raises(UserError, match=r"'flow' is not numeric.*data\.missing_values=\[Bad\]"):
        read(tmp_path, rows("Bad"), target="flow")


def test_several_marks_are_listed_together():
    text = pa.chunked_array([["1", "2", "3", "Bad", "4", "off", "5"]])
    assert advise_numbers(text).endswith("set data.missing_values=[Bad,off].")
    assert advise_numbers(text, ["Bad"]).endswith("set data.missing_values=[off].")


@pytest.mark.parametrize(
    ("value", "unit"), [("17.1%", "%"), ("50.13 kW", "kW"), ("-3,5 °C", "°C"), ("1.019 m³", "m³")]
)
def test_numbers_with_a_unit_are_no_categories(value, unit):
    text = pa.chunked_array([[value, "12 " + unit, value]])
    assert advise_text("load", text) == f" Remove the unit {unit!r} from its values."
    assert "data.categorical" not in advise_text("load", text)


def test_codes_are_categories():
    assert "data.categorical=[code]" in advise_text("code", pa.chunked_array([["1A", "2B", "1A", "2C"]]))
    assert advise_numbers(pa.chunked_array([["A", "B", "1"]])) == ""
