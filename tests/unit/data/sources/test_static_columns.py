import numpy as np
import pytest

from tests.helpers.panel_case import make_panel, write_static_panel
from tsforecast.data.dataset import build_dataset
from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.models.lightgbm import LightGBM
from tsforecast.models.task import Task

OPTIONS = {"series_id": "id", "calendar": False, "static": ["size", "region"]}
WINDOW = {"lookback": 6, "lead": 1, "horizon": 2, "stride": 1, "split": {"train": 0.7, "val": 8, "test": 8}}


@pytest.fixture
def path(tmp_path):
    return write_static_panel(tmp_path / "panel.csv", make_panel())


def test_numbers_and_text_of_a_series_are_features_of_its_rows(path):
    series = load(str(path), "load", **OPTIONS)
    assert series.features == ("load", "size", "region")
    assert series.categories == {"region": ("north", "south")}
    assert series.panel.static == ("size", "region")
    assert series.values[[0, 60, 239], 1].tolist() == [0, 10, 20]
    assert series.values[[0, 60, 239], 2].tolist() == [2, 3, 3]


def test_static_numbers_are_scaled_over_all_series(path):
    dataset = build_dataset(load(str(path), "load", **OPTIONS), **WINDOW)
    levels = dataset.scaler.levels
    assert levels.columns.tolist() == [0]
    sizes = dataset.inputs[[0, 60, 239], 1]
    assert np.diff(sizes) == pytest.approx([10 / dataset.scaler.scale[1]] * 2, rel=1e-5)


def test_the_series_itself_is_a_category(path):
    series = load(str(path), "load", series_input=True, series_id="id", calendar=False, features=["load"])
    assert series.features == ("load", "id")
    assert series.categories == {"id": ("a", "b", "c")}
    assert series.values[[0, 60, 140], 1].tolist() == [2, 3, 4]
    dataset = build_dataset(series, **WINDOW)
    task = Task.from_dataset(dataset)
    assert task.category_counts == (5,)
    model = LightGBM(task, lags=[1, 2], spans=[3])
    model.describe(channels=list(dataset.channels), panel=series.panel.describe())
    assert model.categorical_features == [1]  # once, not at every lag
    assert model.features(dataset.windows("train")).shape[1] == 2 + 2 + 1 + 3


def test_later_data_are_coded_by_the_training_data(path):
    recipe = load(str(path), "load", series_input=True, **OPTIONS).recipe
    text = path.read_text().replace("\nc,", "\nd,").replace("north", "east")
    path.write_text(text)
    series = load(str(path), "load", series_input=True, **OPTIONS, recipe=recipe)
    assert series.panel.ids == ("a", "b", "d")
    assert series.column("id")[[0, 60, 140]].tolist() == [2, 3, 0]  # d is unknown
    assert series.column("region")[[0, 60]].tolist() == [0, 3]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",10,south\n", ",11,south\n", "'size' changes within series 'b': give it one value"),
        (",10,south\n", ",10,west\n", "'region' changes within series 'b'"),
    ],
)
def test_a_value_that_changes_within_a_series_is_refused(path, old, new, message):
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=message):
        load(str(path), "load", **OPTIONS)


def test_a_static_value_is_that_of_the_rows_that_have_it(path):
    path.write_text(path.read_text().replace(",10,south\n", ",,south\n", 79))
    assert load(str(path), "load", **OPTIONS).values[60:140, 1].tolist() == [10] * 80


def test_what_is_not_there_is_refused(path):
    with pytest.raises(UserError, match=r"data\.static: there is no column 'sizes'\. Did you mean 'size'"):
        load(str(path), "load", **(OPTIONS | {"static": "sizes"}))
    with pytest.raises(UserError, match=r"data\.static needs a long table"):
        load(str(path), "load", layout="wide", static=["size"])
