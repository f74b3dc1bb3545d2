"""What each of many series is compared with is learned from its own rows before the test split, in its own unit."""

import dataclasses

import numpy as np
import pytest

from tests.helpers.monitoring_case import make_options
from tests.helpers.panel_case import make_panel
from tsforecast.data.dataset import build_dataset
from tsforecast.evaluation import series_monitoring
from tsforecast.evaluation.monitoring_reference import monitored_features, monitoring_file
from tsforecast.evaluation.series_monitoring import learn_series, learn_series_residuals
from tsforecast.inference.metadata import describe_data
from tsforecast.models.persistence import Persistence
from tsforecast.models.task import Task
from tsforecast.monitoring.monitor import Monitor, Promise
from tsforecast.monitoring.series_references import SERIES_FILE, SeriesReferences

WINDOW = {
    "lookback": 6,
    "lead": 1,
    "horizon": 2,
    "stride": 1,
    "split": {"train": 0.5, "val": 400, "test": 30},
}


@pytest.fixture(scope="module")
def case():
    panel = make_panel(lengths=(900, 1100, 460), levels=(1.0, 1000.0, 50.0), starts=(200, 0, 640), season=24)
    dataset = build_dataset(panel, **WINDOW)
    model = Persistence(Task.from_dataset(dataset))
    model.describe(**describe_data(dataset))
    return model, dataset


def test_a_series_with_few_rows_has_no_reference_and_the_others_their_own(case, tmp_path):
    model, dataset = case
    (content,) = monitoring_file(tmp_path, model, dataset).values()
    path = tmp_path / SERIES_FILE
    path.write_bytes(content)
    references = SeriesReferences(path)
    assert [name in references for name in "abc"] == [True, True, False]
    for index, name in enumerate("ab"):
        start, stop = dataset.parts[0][index]
        reference = references.of(name)
        middle = np.median(reference.inputs.charts.profile.center[:, 0])
        assert middle == pytest.approx(np.median(dataset.series.values[start:stop, 0]), rel=0.05)
        assert reference.promised == (1.0,)
        assert reference.residuals.typical[0] > 0


def test_rows_of_the_test_split_are_not_looked_at(case):
    model, dataset = case
    values = dataset.series.values.copy()
    for start, stop in dataset.parts[2]:
        values[start:stop] *= 1e6
    changed = dataclasses.replace(dataset, series=dataclasses.replace(dataset.series, values=values))
    features = monitored_features(dataset.series)
    ours, theirs = (learn_series(model, data, features)["a"] for data in (dataset, changed))
    assert ours.to_dict() == theirs.to_dict()


def test_a_reference_is_that_of_the_series_alone_and_finds_its_faults(case):
    model, dataset = case
    reference = learn_series(model, dataset, ("load",))["a"]
    start, stop = dataset.series.bounds[0], dataset.parts[2][0][0]
    promise = Promise(("load",), np.array(reference.promised), 0.9)
    monitor = Monitor(reference, promise, make_options(), step=3600, local=lambda seconds: seconds)
    seconds = dataset.series.time[start:stop].astype("datetime64[s]").astype(np.int64)
    values = dataset.series.values[start:stop].astype(np.float64)
    assert monitor.add_rows(seconds[:-6], values[:-6]) == []
    alarms = monitor.add_rows(seconds[-6:], 1000 * values[-6:])
    assert "range" in {alarm.kind for alarm in alarms}


def test_the_newest_validation_windows_of_each_series_are_forecast(case, monkeypatch):
    model, dataset = case
    full = learn_series_residuals(model, dataset)
    assert {index: found.promised for index, found in full.items()} == dict.fromkeys(range(3), (1.0,))
    monkeypatch.setattr(series_monitoring, "MAX_WINDOWS", 3 * 340)
    few = learn_series_residuals(model, dataset)
    assert set(few) == {0, 1, 2}
    assert few[0].reference.typical != full[0].reference.typical
    monkeypatch.setattr(series_monitoring, "MAX_FORECASTS", 3 * 100 * 2)
    assert learn_series_residuals(model, dataset) == {}


def test_more_series_have_fewer_features(case, monkeypatch):
    model, dataset = case
    monkeypatch.setattr(series_monitoring, "MAX_COLUMNS", 1)
    assert list(learn_series(model, dataset, ("load",))) == ["a"]


def test_without_enough_rows_of_any_series_the_file_says_so(case, tmp_path, monkeypatch):
    model, dataset = case
    monkeypatch.setattr(series_monitoring, "MIN_DAYS", 1000)
    assert monitoring_file(tmp_path, model, dataset) == {SERIES_FILE: b""}
