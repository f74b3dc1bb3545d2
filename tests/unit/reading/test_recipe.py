"""A file is read by the recipe of the training data: nothing that was decided there is guessed again."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.serving_case import make_metadata, make_task
from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.sliding import read_rows
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.tables.file_source import FileSource
from tsforecast.times.frequency import Frequency


def write(folder, header, rows, name="train.csv", separator=","):
    path = folder / name
    path.write_text(
        "\n".join([separator.join(header), *(separator.join(map(str, row)) for row in rows)]) + "\n"
    )
    return path


def hours(count, start="2024-01-01T00:00"):
    return np.datetime64(start, "s") + np.arange(count) * np.timedelta64(3600, "s")


def us_style(time):
    year, month, day = str(time)[:10].split("-")
    return f"{month}/{day}/{year} {str(time)[11:16]}"


def metadata_of(series):
    features = list(series.features)
    scaler = {"mean": [0.0] * len(features), "scale": [1.0] * len(features), "target_indices": [0]}
    stored = make_metadata(
        channels=features,
        targets=list(series.targets),
        scaler=scaler,
        step_seconds=series.step,
        derived={},
        recipe=json.loads(json.dumps(series.recipe.to_dict())),
    )
    return ModelMetadata.from_task(make_task(channels=len(features)), stored)


def read(path, metadata, time=None):
    batches = list(read_rows(FileSource(path), metadata, time))
    names = batches[0].columns
    return np.concatenate([batch.time for batch in batches]), {
        name: np.concatenate([batch.columns[name] for batch in batches]) for name in names
    }


def test_a_recipe_says_what_was_decided(tmp_path):
    rows = [(us_style(t), f"{i},5") for i, t in enumerate(hours(1000))]
    recipe = load(str(write(tmp_path, ("when", "load"), rows, separator=";")), "load").recipe
    assert recipe == ReadingRecipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert recipe.time.columns == ("when",)
    assert recipe.time.pattern == "%m/%d/%Y %H:%M"
    assert recipe.numeric == ("load",)
    assert recipe.grid.step == Frequency(3600)
    assert tuple(recipe.dialect) == ("utf8", ";", ",")


def test_day_and_month_keep_the_order_of_training(tmp_path):
    train = [(us_style(t), i) for i, t in enumerate(hours(24 * 63))]
    metadata = metadata_of(load(str(write(tmp_path, ("time", "kw"), train)), "kw", calendar=False))
    march = hours(24, "2024-03-04T00:00")
    us = write(tmp_path, ("time", "kw"), [(us_style(t), 1) for t in march], "us.csv")
    iso = write(tmp_path, ("time", "kw"), [(str(t).replace("T", " "), 1) for t in march], "iso.csv")
    for path in (us, iso):
        np.testing.assert_array_equal(read(path, metadata)[0], march)


def test_a_time_written_otherwise_is_refused_by_its_value(tmp_path):
    train = [(us_style(t), i) for i, t in enumerate(hours(24 * 63))]
    metadata = metadata_of(load(str(write(tmp_path, ("time", "kw"), train)), "kw", calendar=False))
    day_first = write(tmp_path, ("time", "kw"), [("31/03/2024 01:00", 1), ("31/03/2024 02:00", 1)], "new.csv")
    with pytest.raises(UserError, match=r"predict.time: '31/03/2024 01:00' in column 'time'.*%m/%d/%Y %H:%M"):
        read(day_first, metadata)


@pytest.mark.parametrize("unit", [1, 1000])
def test_unix_times_are_read_in_prediction_too(tmp_path, unit):
    seconds = hours(200).astype(np.int64)
    path = write(tmp_path, ("timestamp", "kw"), [(s * unit, i) for i, s in enumerate(seconds)])
    series = load(str(path), "kw", calendar=False)
    for metadata in (metadata_of(series), replace(metadata_of(series), recipe=None)):
        for time in (None, "timestamp"):
            np.testing.assert_array_equal(read(path, metadata, time)[0], hours(200))


@pytest.mark.parametrize("words", [("False", "True"), ("false", "true"), ("FALSE", "TRUE")])
def test_booleans_are_0_and_1_in_prediction_too(tmp_path, words):
    rows = [(str(t), i, words[i % 5 == 0]) for i, t in enumerate(hours(100))]
    path = write(tmp_path, ("time", "load", "is_weekend"), rows)
    series = load(str(path), "load", calendar=False)
    assert series.features == ("load", "is_weekend")
    expected = [float(i % 5 == 0) for i in range(100)]
    np.testing.assert_array_equal(series.column("is_weekend"), expected)
    only_false = write(tmp_path, ("time", "load", "is_weekend"), rows[1:5], "new.csv")
    metadata = metadata_of(series)
    np.testing.assert_array_equal(read(path, metadata)[1]["is_weekend"], expected)
    np.testing.assert_array_equal(read(only_false, metadata)[1]["is_weekend"], [0.0] * 4)


def test_row_numbers_without_a_name_are_no_feature(tmp_path):
    rows = [(i, str(t), i * i % 7) for i, t in enumerate(hours(100))]
    path = write(tmp_path, ("", "time", "load"), rows)
    series = load(str(path), "load", calendar=False)
    assert series.features == ("load",)
    assert "Column 'column_1' has no name" in series.notes[0]
    metadata = metadata_of(series)
    new = write(tmp_path, ("", "time", "load"), [(i - 7, *rest) for i, *rest in rows[50:]], "new.csv")
    np.testing.assert_array_equal(read(new, metadata)[1]["load"], series.column("load")[50:])
    named = load(str(path), "load", features=["column_1"], calendar=False)
    assert named.features == ("column_1", "load")  # as models of version 0.1 have it


@pytest.mark.parametrize(("first", "is_feature"), [(0, False), (1, False), (7, False), (0.5, True)])
def test_a_named_count_of_the_rows_is_no_feature_unless_asked_for(tmp_path, first, is_feature):
    path = write(
        tmp_path, ("No", "time", "load"), [(i + first, str(t), i * i % 7) for i, t in enumerate(hours(100))]
    )
    series = load(str(path), "load", calendar=False)
    assert series.features == (("No", "load") if is_feature else ("load",))
    noted = any("Column 'No' counts the rows" in note and "data.features" in note for note in series.notes)
    assert noted is not is_feature
    assert load(str(path), "load", features=["No"], calendar=False).features == ("No", "load")


def test_columns_without_name_and_value_are_no_feature(tmp_path):
    rows = [(str(t), i, "", "") for i, t in enumerate(hours(50))]
    path = write(tmp_path, ("time", "load", "", ""), rows)
    series = load(str(path), "load", calendar=False)
    assert series.features == ("load",)
    np.testing.assert_array_equal(read(path, metadata_of(series))[1]["load"], series.column("load"))


def test_the_decimal_mark_of_training_counts(tmp_path):
    rows = [(str(t), f"{i},5") for i, t in enumerate(hours(50))]
    series = load(str(write(tmp_path, ("time", "load"), rows, separator=";")), "load", calendar=False)
    whole = write(tmp_path, ("time", "load"), [(str(t), 3) for t in hours(5)], "new.csv", separator=";")
    np.testing.assert_array_equal(read(whole, metadata_of(series))[1]["load"], [3.0] * 5)
    comma = write(tmp_path, ("time", "load"), [(str(t), 3.5) for t in hours(5)], "comma.csv")
    np.testing.assert_array_equal(read(comma, metadata_of(series))[1]["load"], [3.5] * 5)


def test_training_data_are_read_again_by_their_recipe(tmp_path):
    first = [(us_style(t), i % 5) for i, t in enumerate(hours(24 * 63))]
    recipe = load(str(write(tmp_path, ("time", "kw"), first)), "kw").recipe
    few = [(us_style(t), i % 3, 7) for i, t in enumerate(hours(24, "2024-03-04T00:00"))]
    path = str(write(tmp_path, ("time", "kw", "other"), few, "few.csv"))
    assert load(path, "kw").time[0] == np.datetime64("2024-04-03")  # decided on these rows alone
    series = load(path, "kw", recipe=recipe)
    assert series.time[0] == np.datetime64("2024-03-04")
    assert "other" not in series.features
    assert series.recipe.time == recipe.time


def test_a_column_of_the_recipe_must_be_there(tmp_path):
    rows = [(str(t), i, i % 3) for i, t in enumerate(hours(50))]
    recipe = load(str(write(tmp_path, ("time", "load", "flow"), rows)), "load").recipe
    path = write(tmp_path, ("time", "load", "flw"), rows, "new.csv")
    with pytest.raises(
        UserError, match=r"'flow', which the model was trained on, is missing. Did you mean 'flw'"
    ):
        load(str(path), "load", recipe=recipe)


def test_a_model_of_local_times_refuses_times_with_an_offset(tmp_path):
    local = write(tmp_path, ("time", "kw"), [(str(t), i) for i, t in enumerate(hours(50))])
    utc = write(tmp_path, ("time", "kw"), [(f"{t}+02:00", i) for i, t in enumerate(hours(50))], "offset.csv")
    of_local, of_utc = (load(str(path), "kw", calendar=False) for path in (local, utc))
    with pytest.raises(
        UserError, match=r"predict.time.*has an offset, but the training data had local times"
    ):
        read(utc, metadata_of(of_local))
    with pytest.raises(
        UserError, match=r"predict.time.*has no offset, but the training data had times in UTC"
    ):
        read(local, metadata_of(of_utc))
    np.testing.assert_array_equal(read(utc, metadata_of(of_utc))[0], of_utc.time)


def test_hours_that_end_are_read_in_prediction_by_the_decision_of_training(tmp_path):
    rows = [(str(t)[:10], int(str(t)[11:13]) + 1, i) for i, t in enumerate(hours(240))]
    series = load(str(write(tmp_path, ("date", "hour", "kw"), rows)), "kw", calendar=False)
    np.testing.assert_array_equal(series.time, hours(240))
    new = write(tmp_path, ("date", "hour", "kw"), rows[5:15], "new.csv")
    np.testing.assert_array_equal(read(new, metadata_of(series))[0], hours(240)[5:15])
