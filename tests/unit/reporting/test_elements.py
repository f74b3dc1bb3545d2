"""Tables and bars as data, and as the templates draw them."""

import re

import pytest

from tsforecast.reporting.elements import Bar, Bars, Table
from tsforecast.reporting.rendering import _environment

BARS = [
    Bar("load", 0.4, spread=0.1, reference=0.45),
    Bar("<b>", -0.02, spread=0.01),
    Bar("nothing", float("nan")),
]


def draw(bars):
    template = "{% import 'elements.html.j2' as elements %}{{ elements.element(item) }}"
    return _environment("tsforecast.reporting").from_string(template).render(item=Bars(bars))


def widths(html, name):
    return re.findall(rf'class="{name}" style="([^"]+)"', html)


def test_bars_share_one_scale_that_holds_the_whiskers():
    html = draw(BARS)
    assert widths(html, "fill") == ["width:80.00%", "width:0.00%", "width:0.00%"]
    assert widths(html, "whisker") == ["left:60.00%;width:40.00%", "left:0.00%;width:0.00%"]
    assert widths(html, "mark") == ["left:90.00%"]


def test_figures_next_to_the_bars_have_as_many_decimals():
    figures = re.findall(r'class="n">(.*?)</td>', draw(BARS))
    assert figures == ["0.4000 ± 0.1000", "−0.0200 ± 0.0100", "–"]


def test_strings_are_escaped():
    assert "&lt;b&gt;" in draw(BARS)


@pytest.mark.parametrize("value", [0.0, None, float("nan")])
def test_all_zeros_do_not_divide_by_zero(value):
    html = draw([Bar("a", value), Bar("b", 0.0)])
    assert widths(html, "fill") == ["width:0.00%", "width:0.00%"]


def test_only_columns_of_numbers_are_aligned_right():
    table = Table.from_records(
        [{"layer": "lstm", "params": 3, "rate": None}, {"layer": 4, "params": 5, "rate": 0.5}]
    )
    assert [cell.css for cell in table.head] == ["", "n", "n"]
    assert [cell.text for cell in table.rows[0].cells] == ["lstm", "3", "–"]
    assert list(table.total) == []
