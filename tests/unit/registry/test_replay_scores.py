"""Days of many series are replayed in the order of time, each scored by the mean MASE of the series."""

import dataclasses

import numpy as np
import pytest

from tests.helpers.panel_case import make_panel
from tests.unit.registry.test_retraining_splits import OPTIONS
from tsforecast.data.dataset import build_dataset
from tsforecast.data.identity import DataIdentity
from tsforecast.data.options import WindowOptions
from tsforecast.inference.metadata import describe_data
from tsforecast.inference.options import IntervalOptions
from tsforecast.models.io import saved_path
from tsforecast.models.persistence import Persistence
from tsforecast.models.task import Task
from tsforecast.registry import Registry
from tsforecast.registry.new_rows import first_rows, steps_after
from tsforecast.registry.replay import replay_days
from tsforecast.tracking.run_folder import RunFolder

NEW = 54  # hours: two days, and a part of a third
SHAPE = {"lookback": 12, "lead": 1, "horizon": 4, "stride": 1}
SERIES = make_panel(lengths=(300, 280, 260), starts=(0, 20, 0), season=24)  # the last one ends earlier
OPTIONS_OF_DAYS = dataclasses.replace(
    OPTIONS, replay_days=3, train_steps=100, val_steps=24, held_out_steps=24, least_new_rows=1
)


class Recipe:
    """The steps of a retraining run that trains nothing."""

    name, config_yaml, window, batch_size, notes = "persistence", "seed: 0", WindowOptions(**SHAPE), None, ()
    intervals = IntervalOptions(coverage=0.9, rate=0.01, memory=100)

    def __init__(self, series):
        self.series = series

    def load_series(self):
        return self.series

    def initialize(self):
        return None

    def build_dataset(self, series, split, scaler):
        return build_dataset(series, **SHAPE, split=split, scaler=scaler)

    def train(self, model, dataset, folder):
        self.trained_on = dataset.series
        return False


def number(series):
    """The same rows with numbers instead of times."""
    numbers = np.concatenate([np.arange(1, length + 1) for length in series.panel.lengths])
    panel = dataclasses.replace(series.panel, has_clock=False)
    return dataclasses.replace(series, time=(numbers * 3600).astype("datetime64[s]"), panel=panel)


def make_champion(path, known):
    dataset = build_dataset(known, **SHAPE, split={"train": 0.7, "val": 30, "test": 30})
    model = Persistence(Task.from_dataset(dataset))
    model.describe(**describe_data(dataset))
    model.save(path / "best.keras")
    registry = Registry(path / "registry")
    data = DataIdentity.from_series(known, dataset.parts).to_dict()
    version = registry.add(saved_path(path / "best.keras"), config="", result={"data": data}, lineage={})
    registry.promote(version.name, "the first")
    return version, data


def replay(path, series, known, **changes):
    version, data = make_champion(path, known)
    recipes = []

    def create_recipe(version, steps, registry):
        recipes.append(Recipe(first_rows(series, data, steps)))
        return recipes[-1]

    options = dataclasses.replace(OPTIONS_OF_DAYS, **changes)
    return replay_days(RunFolder.create(path / "replay"), version, create_recipe, options), recipes


@pytest.mark.parametrize("make", [lambda series: series, number], ids=["clock", "numbers"])
def test_whole_days_are_replayed_and_scored(tmp_path, make):
    known = SERIES.select(SERIES.time <= SERIES.time.max() - np.timedelta64(NEW, "h"))
    series, known = make(SERIES), make(known)
    result, recipes = replay(tmp_path, series, known)
    assert [(row["day"], row["outcome"]) for row in result["days"]] == [(1, "unchanged"), (2, "refused")]
    assert result["error"] == "MASE"
    for row in result["days"]:
        assert row["mase_with"] == row["mase_without"] > 0
        # Two series have the whole day, in windows of four steps; with times, the third has some hours of the first.
        assert row["observed"] >= 2 * 21 * 4
    ends = [int(steps_after(recipe.series, first_data(known)).max()) for recipe in recipes]
    assert max(ends) == NEW  # the part of a day has been looked for
    assert result["with_retraining"] == pytest.approx(np.mean([row["mase_with"] for row in result["days"]]))


def first_data(known):
    return DataIdentity.from_series(known).to_dict()


def test_a_damaged_series_is_left_out_of_a_retraining_run(tmp_path):
    known = SERIES.select(SERIES.time <= SERIES.time.max() - np.timedelta64(NEW, "h"))
    _, recipes = replay(tmp_path, SERIES, known, damage={1: "units"})
    trained = [recipe.trained_on for recipe in recipes if hasattr(recipe, "trained_on")]
    assert [series.panel.ids for series in trained] == [("b", "c"), ("a", "b", "c")]  # for days 2 and 3
