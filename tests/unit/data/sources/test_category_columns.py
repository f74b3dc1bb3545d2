"""Categories in tables: declared columns, notes on text that is not, later files, and what is refused."""

import shlex

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from tests.unit.data.sources.test_csv import lines, read, stamps
from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError

STATES = ["run", "idle", "", "run", "idle", "run", "stop", "run"]
DAYS = ["Mon", "Tue"]


def states(values=STATES, header="time,load,state,day"):
    return lines(
        (f"{time},{i}.5,{values[i]},{DAYS[i % 2]}" for i, time in enumerate(stamps(len(values)))), header
    )


def test_declared_columns_are_codes(tmp_path):
    series = read(tmp_path, states(), categorical=["state", "day"])
    assert series.features == ("load", "state", "day")
    assert series.categories == {"state": ("idle", "run", "stop"), "day": ("Mon", "Tue")}
    np.testing.assert_array_equal(series.column("state"), [3, 2, np.nan, 3, 2, 3, 4, 3])
    np.testing.assert_array_equal(series.column("day"), [2, 3] * 4)
    assert series.recipe.numeric == ("load",)
    assert series.notes == ()


def test_text_that_is_not_declared_is_named_with_its_option(tmp_path):
    text = states().replace("time,load,state,day", 'time,load,"machine, state",day')
    series = read(tmp_path, text)
    assert series.notes == (
        "Column 'machine, state' is not numeric ('run' in row 1) and was left out."
        " 'data.categorical=[\"machine, state\"]' feeds in its 3 categories.",
        "Column 'day' is not numeric ('Mon' in row 1) and was left out."
        " data.categorical=[day] feeds in its 2 categories.",
    )


NAMES = ["null", "true", "1e5", "007", "a,b", "a[b]", "a=b", 'q"q', "it's", "Zustand ä", "x" * 120, " lead"]


@pytest.mark.parametrize("name", NAMES)
def test_the_named_option_declares_the_column_whatever_its_name(tmp_path, name):
    quoted = '"' + name.replace('"', '""') + '"'
    text = states(header=f"time,load,{quoted},day")
    (note, _) = read(tmp_path, text).notes
    (option,) = shlex.split(note.partition("left out. ")[2].partition(" feeds in")[0])
    override = OverridesParser.create().parse_override(option)
    assert override.key_or_group == "data.categorical"
    series = read(tmp_path, text, categorical=override.value())
    assert list(series.categories.values()) == [("idle", "run", "stop")]


def test_free_text_gets_no_advice(tmp_path):
    rows = (f"{time},{i}.5,note {i}" for i, time in enumerate(stamps(60)))
    assert read(tmp_path, lines(rows, "time,load,note")).notes == (
        "Column 'note' is not numeric ('note 0' in row 1) and was left out.",
    )


def test_code_columns_and_booleans_may_be_categories(tmp_path):
    rows = (f"{time},{i}.5,{['007', '7', '11', '7'][i % 4]},{i % 3 == 0}" for i, time in enumerate(stamps(8)))
    series = read(tmp_path, lines(rows, "time,load,code,is_on"), categorical=["code", "is_on"])
    assert series.categories == {"code": ("007", "11", "7"), "is_on": ("false", "true")}
    np.testing.assert_array_equal(series.column("is_on"), [3, 2, 2] * 2 + [3, 2])


def test_a_later_file_is_coded_by_the_recipe(tmp_path):
    recipe = read(tmp_path, states(), categorical=["state"]).recipe
    later = read(tmp_path, states(["stop", "jam", "run", " run ", "Run", "stop", "-", "run"]), recipe=recipe)
    np.testing.assert_array_equal(later.column("state"), [4, 0, 3, 3, 0, 4, np.nan, 3])
    assert later.categories == recipe.categories
    assert later.notes == (
        "Column 'day' is not numeric ('Mon' in row 1) and was left out.",
        "2 unseen categories of 'state' in 2 rows, unknown to the model (first: 'jam' in row 2).",
    )


def test_a_later_file_may_be_parquet_with_dictionaries(tmp_path):
    recipe = read(tmp_path, states(), categorical=["state", "day"]).recipe
    table = pa.table(
        {
            "time": pa.array([np.datetime64(time) for time in stamps(4)]),
            "load": [1.0, 2.0, 3.0, 4.0],
            "state": pa.array(["run", None, "stop", "idle"]).dictionary_encode(),
            "day": pa.array(["Tue", "Tue", "Mon", "Mon"]),
        }
    )
    pq.write_table(table, tmp_path / "new.parquet")
    later = load(str(tmp_path / "new.parquet"), "load", calendar=False, recipe=recipe)
    np.testing.assert_array_equal(later.column("state"), [3, np.nan, 4, 2])
    np.testing.assert_array_equal(later.column("day"), [3, 3, 2, 2])


def test_a_later_file_without_the_column_is_refused(tmp_path):
    recipe = read(tmp_path, states(), categorical=["state"]).recipe
    text = states(header="time,load,stat,day")
    with pytest.raises(
        UserError, match=r"'state', which the model was trained on, is missing. Did you mean 'stat'"
    ):
        read(tmp_path, text, recipe=recipe)


def test_an_unseen_category_is_refused_if_asked_for(tmp_path):
    recipe = read(tmp_path, states(), categorical=["state"], unknown_categories="refuse").recipe
    with pytest.raises(
        UserError, match="column 'state' has 'jam' in row 1, which is not among the categories"
    ):
        read(tmp_path, states(["jam"] * 8), recipe=recipe)


def test_several_rows_at_one_time_keep_the_last_category(tmp_path):
    text = states().replace(stamps(8)[1], stamps(8)[0])
    series = read(tmp_path, text, categorical=["state"], duplicates="mean")
    assert series.column("state")[0] == 2
    assert series.column("load")[0] == 1.0


def test_a_code_column_is_not_taken_for_a_clock(tmp_path):
    rows = (f"{time[:10]},{i}.5,{i % 4}" for i, time in enumerate(stamps(8, 86_400)))
    series = read(tmp_path, lines(rows, "date,load,hour"), categorical=["hour"])
    assert series.recipe.time.columns == ("date",)
    assert series.categories["hour"] == ("0", "1", "2", "3")


def test_targets_all_leaves_categories_out(tmp_path):
    assert read(tmp_path, states(), target="all", categorical=["state"]).targets == ("load",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"categorical": ["stat"]}, "data.categorical: there is no column 'stat'. Did you mean 'state'?"),
        ({"categorical": ["time"]}, "data.categorical: 'time' is the time column; leave it out."),
        (
            {"categorical": ["load", "state"]},
            "data.target: 'load' is declared in data.categorical, and categories cannot be forecast",
        ),
        (
            {"categorical": ["state"], "target": "state"},
            "data.target: 'state' is declared in data.categorical",
        ),
        ({"unknown_categories": "drop"}, "data.unknown_categories is 'drop': write note or refuse."),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, options, message):
    with pytest.raises(UserError) as error:
        read(tmp_path, states(), **options)
    assert str(error.value).startswith(message)


def test_a_column_of_times_or_lists_has_no_categories(tmp_path):
    path = tmp_path / "lists.parquet"
    time = pa.array([np.datetime64(stamp) for stamp in stamps(4)])
    pq.write_table(pa.table({"time": time, "load": [1.0, 2, 3, 4], "tags": [["a"]] * 4}), path)
    with pytest.raises(UserError, match=r"data.categorical: column 'tags' holds list"):
        load(str(path), "load", categorical=["tags"])


def test_names_that_are_numbers_or_booleans_can_be_declared(tmp_path):
    series = read(tmp_path, states(header="time,load,1,true"), categorical=[1, True])
    assert set(series.categories) == {"1", "true"}
