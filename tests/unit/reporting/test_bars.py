import re

from tsforecast.reporting.bars import bars_section

BARS = [
    {"label": "load", "value": 0.4, "spread": 0.1, "beside": 0.45},
    {"label": "<b>", "value": -0.02, "spread": 0.01},
    {"label": "nothing", "value": float("nan"), "spread": None},
]


def widths(html, name):
    return re.findall(rf'class="{name}" style="([^"]+)"', html)


def test_bars_share_one_scale_that_holds_the_whiskers():
    html = bars_section("Heading", "Note.", BARS)
    assert widths(html, "fill") == ["width:80.00%", "width:0.00%", "width:0.00%"]
    assert widths(html, "whisker") == ["left:60.00%;width:40.00%", "left:0.00%;width:0.00%"]
    assert widths(html, "mark") == ["left:90.00%"]


def test_figures_stand_beside_the_bars_with_as_many_decimals():
    figures = re.findall(r'class="n">(.*?)</td>', bars_section("Heading", "Note.", BARS))
    assert figures == ["0.4000 <small>± 0.1000</small>", "−0.0200 <small>± 0.0100</small>", "–"]


def test_strings_are_escaped_and_nothing_makes_no_section():
    assert "&lt;b&gt;" in bars_section("Heading", "Note.", BARS)
    assert bars_section("Heading", "Note.", []) == ""


def test_all_zeros_do_not_divide_by_zero():
    html = bars_section("Heading", "", [{"label": "a", "value": 0.0}, {"label": "b", "value": 0.0}])
    assert widths(html, "fill") == ["width:0.00%", "width:0.00%"]
