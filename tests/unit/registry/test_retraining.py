"""Verdicts on new rows that need no training: each belongs to the data and the settings that it was given for."""

import dataclasses
import json

import numpy as np
import pytest

from tests.helpers.context_case import context_dataset, draw_values
from tests.helpers.series_factory import make_series
from tests.helpers.serving_case import LOOKBACK
from tests.unit.registry.test_retraining_splits import OPTIONS, WINDOW
from tsforecast.data.identity import DataIdentity
from tsforecast.data.options import WindowOptions
from tsforecast.errors import UserError
from tsforecast.inference.options import IntervalOptions
from tsforecast.registry import Registry
from tsforecast.registry.new_rows import count_known_rows
from tsforecast.registry.retraining import UNRELATED, build_recent_dataset, retrain_champion
from tsforecast.registry.retraining_splits import RecentSplit

SERIES = make_series(rows=1165, step=86_400, features=("load",), season=7)
KNOWN = 1095
LONG = dataclasses.replace(OPTIONS, train_steps=700, val_steps=60, held_out_steps=60)


class Reached(Exception):
    """The rows were trusted, and the champion would be loaded next."""


class Recipe:
    """The parts of a champion's recipe that come before any training."""

    name, config_yaml, window, batch_size, notes = "dlinear", "seed: 0", WINDOW, 32, ("A note.",)
    intervals = IntervalOptions(coverage=0.9, rate=0.01, memory=100)

    def __init__(self, series):
        self.series = series

    def load_series(self):
        return self.series

    def initialize(self):
        raise Reached


def first(series, rows):
    return dataclasses.replace(series, time=series.time[:rows], values=series.values[:rows])


@pytest.fixture
def registry(tmp_path):
    model = tmp_path / "best.keras"
    model.write_bytes(b"a model")
    registry = Registry(tmp_path / "registry")
    borders = ((0, 766), (766, 930), (930, KNOWN))
    data = DataIdentity.from_series(first(SERIES, KNOWN), borders).to_dict()
    version = registry.add(model, config="seed: 0", result={"data": data}, lineage={})
    registry.promote(version.name, "the first")
    return registry


def changed(rows, value, column=0):
    values = SERIES.values.copy()
    values[rows, column] = value
    return dataclasses.replace(SERIES, values=values)


def retrain(registry, series, options=LONG, notes=None):
    report = (lambda note: None) if notes is None else notes.append
    return retrain_champion(registry, lambda version: Recipe(series), options, report=report)


def test_a_corrected_series_gets_a_verdict_of_its_own(registry):
    damaged = changed(slice(1120, 1140), np.nan)
    refused = retrain(registry, damaged)
    assert refused["outcome"] == "refused"
    assert refused["why"].startswith("the new rows are not trusted: load has no value in 20 rows from")
    assert (refused["rows"], refused["new_rows"]) == (1165, 70)
    assert retrain(registry, damaged) == refused  # read from its file
    with pytest.raises(Reached):
        retrain(registry, SERIES)


def test_other_settings_get_a_verdict_of_their_own(registry):
    damaged = changed(slice(1120, 1140), np.nan)
    folders = set()
    for name, value in {"max_steps": 5, "held_out_steps": 50, "latency_ms": 3.0, "least_new_rows": 0}.items():
        folders.add(retrain(registry, damaged, dataclasses.replace(LONG, **{name: value}))["folder"])
    assert len(folders) == 4
    same = {
        retrain(registry, damaged, dataclasses.replace(LONG, **{name: None}))["folder"] for name in UNRELATED
    }
    assert len(same) == 1
    assert not same & folders


def test_too_few_windows_are_refused_and_nothing_is_stored(registry):
    with pytest.raises(UserError, match=r"retrain\.train_days=60 makes 60 rows and 12 windows"):
        retrain(registry, SERIES, OPTIONS)
    assert not (registry.path / "retraining").exists()


def test_without_enough_new_rows_nothing_happens(registry):
    notes = []
    outcome = retrain(registry, first(SERIES, KNOWN + 59), OPTIONS, notes)
    assert (outcome["outcome"], outcome["new_rows"], notes) == ("nothing new", 59, ["A note."])
    assert "59 rows are new since v0001 was made, and retrain.least_new_rows asks for 60" in outcome["why"]
    assert not (registry.path / "retraining").exists()


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (changed(3, 9.0), "The rows that v0001 was made with have changed since"),
        (SERIES.newest(1100), "65 of the 1,095 rows that v0001 was made with are gone"),
    ],
)
def test_changes_of_the_earlier_rows_are_reported(registry, series, words):
    notes = []
    with pytest.raises(Reached):
        retrain(registry, series, notes=notes)
    assert any(note.startswith(words) for note in notes)


def test_new_rows_are_counted_by_time_or_else_by_number():
    data = {"rows": KNOWN, "last": str(SERIES.time[KNOWN - 1])}
    assert count_known_rows(SERIES, data) == KNOWN
    assert count_known_rows(SERIES.newest(100), data) == 30
    assert count_known_rows(SERIES.newest(10), data) == 0
    assert count_known_rows(SERIES, {"rows": KNOWN}) == KNOWN  # version 0.1
    assert count_known_rows(SERIES.newest(10), {"rows": KNOWN}) == 10


def test_the_outcome_of_a_promotion_is_recovered_after_a_kill(registry, tmp_path):
    (tmp_path / "second.keras").write_bytes(b"a retrained model")
    data = DataIdentity.from_series(SERIES).to_dict()
    folder = tmp_path / "work"
    lineage = {"run": str(folder), "parent": "v0001", "kind": "retraining"}
    version = registry.add(tmp_path / "second.keras", config="", result={"data": data}, lineage=lineage)
    registry.promote(version.name, "retrained with 70 new rows; RMSE 1 on held-out days, champion 2")
    outcome = retrain(registry, SERIES)
    assert (outcome["outcome"], outcome["new_rows"], outcome["seconds"]) == ("promoted", 70, None)
    assert outcome["why"].startswith("v0002 replaces v0001: retrained with 70 new rows")
    assert json.loads((folder / "retraining.json").read_text()) == outcome
    corrected = retrain(registry, changed(3, 9.0))
    assert corrected["outcome"] == "nothing new"


@pytest.mark.parametrize("kind", ["events", "daily"])
def test_recent_rows_have_the_context_of_all_rows(kind):
    dataset = context_dataset(draw_values(400), kind)

    class Recipe:
        window = WindowOptions(**dataset.window)

        def build_dataset(self, series, split, scaler):
            return context_dataset(series.values, kind, split=split, scaler=scaler)

    split = RecentSplit(train=60, val=40, held_out=40)
    recent = build_recent_dataset(Recipe(), split, dataset.series, dataset.scaler, use_all=False)
    assert len(recent.inputs) < 400
    first = recent.windows("train").ends[0] - LOOKBACK + 1
    rows = len(recent.inputs) - first
    np.testing.assert_array_equal(recent.inputs[first:], dataset.inputs[-rows:])
