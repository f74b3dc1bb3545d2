import numpy as np
import pytest

from tests.helpers.panel_case import make_panel
from tests.helpers.series_factory import make_series
from tsforecast.data.dataset import build_dataset
from tsforecast.evaluation.evaluate import baselines, score_forecasts
from tsforecast.evaluation.scores import TestScores
from tsforecast.reporting import series_examples
from tsforecast.reporting.series_examples import example_sections

WINDOW = {"lookback": 6, "lead": 1, "stride": 1}


def scores_of(dataset):
    windows = dataset.windows("test")
    noise = np.linspace(0, 1, len(windows), dtype="float32")[:, None, None]
    test = score_forecasts(dataset, windows, windows.targets(windows.ends) + noise)
    return TestScores(test, baselines(dataset, "test"), {})


def test_the_newest_forecast_of_a_few_series_is_drawn():
    dataset = build_dataset(make_panel(), **WINDOW, horizon=6, split={"train": 0.7, "val": 6, "test": 8})
    scores = scores_of(dataset)
    section, sizes = example_sections(dataset, scores)
    assert len(section.elements) == 3
    assert section.elements[0].data["heading"].startswith("Best: a, MASE")
    chart = section.elements[-1].data
    assert chart["heading"].startswith("Worst: c, MASE")
    assert chart["x"] == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(chart["series"][0][1], scores.test.truth[-1, :, 0], rtol=1e-3)
    by_length, by_level = (chart.data for chart in sizes.elements)
    assert by_length["x"] == [46, 66, 86]
    np.testing.assert_allclose(by_level["x"], [0, 2, 3], atol=0.05)
    assert by_level["series"][0][1] == pytest.approx(scores.test.series.figures["mase"].tolist(), rel=1e-3)
    assert by_level["series"][0][3] == "dot"


def test_a_forecast_of_one_step_is_drawn_over_the_windows():
    dataset = build_dataset(make_panel(), **WINDOW, horizon=1, split={"train": 0.7, "val": 6, "test": 8})
    section, _ = example_sections(dataset, scores_of(dataset))
    assert section.elements[0].data["x"] == list(range(1, 9))


def test_of_more_series_one_can_be_picked(monkeypatch):
    panel = make_panel((60,) * 9, tuple(range(1, 10)), (0,) * 9)
    dataset = build_dataset(panel, **WINDOW, horizon=2, split={"train": 0.7, "val": 6, "test": 8})
    _, section, _ = example_sections(dataset, scores_of(dataset))
    assert section.layout == "picker"
    assert len({chart.id for chart in section.elements}) == 9
    monkeypatch.setattr(series_examples, "PICKS", 6)
    monkeypatch.setattr(series_examples, "ENDS", 2)
    _, section, _ = example_sections(dataset, scores_of(dataset))
    assert section.note.startswith("6 of 9 series")
    assert [chart.heading[0] for chart in section.elements] == list("abcghi")


def test_one_series_has_no_examples():
    dataset = build_dataset(make_series(), **WINDOW, horizon=2, split={"train": 60, "val": 20, "test": 20})
    assert example_sections(dataset, scores_of(dataset)) == []
