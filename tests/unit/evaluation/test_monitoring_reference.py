"""What monitoring compares with is learned from the rows before the test split and from validation windows."""

import dataclasses
import json

import numpy as np
import pytest

from tests.helpers.scored_case import TruthPlus, dataset
from tests.helpers.series_factory import make_series
from tsforecast.evaluation.monitoring_reference import (
    learn_inputs,
    learn_residuals,
    monitored_features,
    monitoring_file,
    save_inputs,
)
from tsforecast.monitoring.monitor import FILE, Reference


@pytest.fixture(scope="module")
def data():
    return dataset()


def test_derived_and_calendar_features_are_not_monitored_and_targets_come_first():
    series = make_series(
        features=("a", "day_of_week_sin", "sum", "load"),
        targets=("load",),
        derived={"sum": {"a": 1.0, "load": 1.0}},
    )
    assert monitored_features(series) == ("load", "a")


def test_rows_of_the_test_split_are_not_looked_at(data):
    series = data.series
    values = series.values.copy()
    values[data.borders[2][0] :] *= 1e6
    changed = dataclasses.replace(data, series=dataclasses.replace(series, values=values))
    assert learn_inputs(changed).to_dict() == learn_inputs(data).to_dict()
    values[data.borders[1][0] :] *= 2
    assert learn_inputs(changed).to_dict() != learn_inputs(data).to_dict()


def test_residuals_and_the_share_of_persistence_are_those_of_the_model(data):
    reference, (share,) = learn_residuals(TruthPlus(data, 0.0), data)
    assert share == pytest.approx(0.0, abs=1e-5)
    scale = float(np.ravel(data.scaler.inverse_targets(np.ones((1, 1, 1), "float32")))[0]) - float(
        np.ravel(data.scaler.inverse_targets(np.zeros((1, 1, 1), "float32")))[0]
    )
    biased, (worse,) = learn_residuals(TruthPlus(data, 0.5), data)
    assert worse > share
    assert biased.charts.profile.center[0, 0] == pytest.approx(-0.5 * scale, rel=1e-3)
    assert reference.charts.profile.center[0, 0] == pytest.approx(0.0, abs=1e-4)


def test_the_file_of_a_run_is_completed_for_the_registry(data, tmp_path):
    save_inputs(tmp_path, data)
    stored = json.loads((tmp_path / FILE).read_text())
    assert stored["residuals"] is None
    model = TruthPlus(data, 0.5)
    completed = monitoring_file(tmp_path, model, data)[FILE]
    assert completed == monitoring_file(tmp_path / "an-old-run", model, data)[FILE]
    reference = Reference.from_dict(json.loads(completed))
    assert reference.inputs.to_dict() == stored["inputs"]
    assert reference.residuals is not None
    assert len(reference.promised) == 1
