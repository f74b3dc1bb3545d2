import sys

import numpy as np
import pytest

from tests.helpers.compose import compose
from tsforecast.errors import UserError
from tsforecast.reporting.context import Report
from tsforecast.reporting.pictures import draw_figures, write_pictures

TIMES = np.arange("2024-01-01", "2024-02-01", dtype="datetime64[h]").astype("datetime64[s]")
VALUES = np.arange(len(TIMES), dtype=float)[:, None]
FORECAST = {"time": TIMES, "truth": VALUES, "forecast": VALUES + 1, "target": ["load"], "unit": "kW"}
FORECAST |= {"lower": VALUES - 1, "upper": VALUES + 2}
REPORT = Report(
    title="A run",
    result={"model": "gru", "unit": "kW"},
    history=[{"step": 1, "loss": 0.5, "val/loss": 0.4}],
    forecast=FORECAST,
    by_hour={"group": np.arange(24), "rmse": np.ones(24), "persistence/rmse": np.full(24, 2.0)},
)


def test_each_chart_is_one_file_per_format(tmp_path):
    paths = write_pictures(tmp_path / "figures", draw_figures(REPORT), ["html", "png", "svg"])
    names = {
        f"{name}.{kind}"
        for name in ("forecast", "learning_curves", "error_by_hour")
        for kind in ("png", "svg")
    }
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "figures").iterdir()} == names
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG" if path.suffix == ".png" else b"<?xml")


def test_the_page_alone_makes_no_folder(tmp_path):
    assert write_pictures(tmp_path / "figures", draw_figures(REPORT), ["html"]) == []
    assert not (tmp_path / "figures").exists()


def test_the_newest_forecasts_are_drawn_with_their_band():
    figures = dict(draw_figures(REPORT))
    (axes,) = figures["forecast"].axes
    truth, forecast = axes.lines
    assert truth.get_xdata()[-1] == TIMES[-1]
    assert len(truth.get_xdata()) == 300
    assert (forecast.get_ydata() - truth.get_ydata() == 1).all()
    assert len(axes.collections) == 1
    assert [line.get_ydata()[0] for line in figures["error_by_hour"].axes[0].lines] == [1.0, 2.0]


def test_an_empty_report_has_no_figure():
    assert not dict(draw_figures(Report(title="A run", result={})))


def test_a_picture_without_matplotlib_is_refused_before_the_run(monkeypatch):
    assert compose("report.format=[html,png]").report.format == ["html", "png"]
    with pytest.raises(UserError, match=r"report\.format=pdf is not one of html, png, svg"):
        compose("report.format=[pdf]")
    monkeypatch.setattr(sys, "path", [])
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(UserError, match=r"report\.format=svg needs matplotlib"):
        compose("report.format=[svg]")
