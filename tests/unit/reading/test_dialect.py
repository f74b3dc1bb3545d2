"""Where the header and the rows of a file are, and what separates its values."""

import numpy as np
import pytest

from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError

HOURS = [f"2024-01-01 {hour:02d}:00" for hour in range(24)]


def write(folder, text):
    path = folder / "plant.csv"
    path.write_text(text)
    return str(path)


def rows(separator=";", values=None):
    values = values or [str(20.25 + i) for i in range(24)]
    return "\n".join(f"{time}{separator}{value}" for time, value in zip(HOURS, values, strict=True)) + "\n"


@pytest.mark.parametrize("name", ["Load, total [MW]", "a,b,c", "x=1", "load|net", "1", "[0]"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_a_comma_in_a_name_does_not_separate_a_semicolon_file(tmp_path, name, decimal):
    text = f"time;{name}\n" + rows().replace(".", decimal)
    series = load(write(tmp_path, text), name, calendar=False)
    assert series.features == (name,)
    np.testing.assert_array_equal(series.column(name), 20.25 + np.arange(24))


@pytest.mark.parametrize(
    "above",
    [
        "sep=;\n",
        '"sep=;"\n',
        "SEP=;\r\n",
        "\n",
        " \n\n",
        "# exported 2024-02-01\n",
        "# station; Berlin\n# unit; MW\n",
        "sep=;\n\n# a\n\n",
        "\ufeff",
        "\ufeff# note\n",
    ],
)
def test_lines_above_the_header_are_skipped(tmp_path, above):
    series = load(write(tmp_path, above + "time;load\n" + rows()), "load", calendar=False)
    np.testing.assert_array_equal(series.column("load"), 20.25 + np.arange(24))
    assert series.time[0] == np.datetime64("2024-01-01T00:00:00")


def test_a_stated_separator_counts(tmp_path):
    text = "sep=,\ntime,a;b\n" + rows(",")
    assert load(write(tmp_path, text), "a;b", calendar=False).features == ("a;b",)


def test_a_header_may_be_a_comment(tmp_path):
    series = load(write(tmp_path, "# made by hand\n# time,load\n" + rows(",")), "load", calendar=False)
    np.testing.assert_array_equal(series.column("load"), 20.25 + np.arange(24))


def test_comments_among_the_rows_are_skipped(tmp_path):
    lines = rows(",").splitlines()
    text = "time,load\n" + "\n".join([*lines[:5], "# restarted", *lines[5:]]) + "\n"
    np.testing.assert_array_equal(load(write(tmp_path, text), "load", calendar=False).values[:, 0][-1], 43.25)


@pytest.mark.parametrize("units", [";MW", "UTC;MW", "-;°C", "local;m3/h"])
def test_a_row_of_units_is_left_out_with_a_note(tmp_path, units):
    series = load(write(tmp_path, f"time;load\n{units}\n" + rows()), "load", calendar=False)
    np.testing.assert_array_equal(series.column("load"), 20.25 + np.arange(24))
    assert series.notes[0].startswith("The row below the header, of units or more names, was left out")
    assert units.split(";")[1] in series.notes[0]


def test_a_first_row_without_a_value_is_not_units(tmp_path):
    values = ["off", *(str(i) for i in range(23))]
    with pytest.raises(UserError, match=r"'load' is not numeric .it holds 'off'"):
        load(write(tmp_path, "time;load\n" + rows(values=values)), "load")


def test_repeated_names_matter_only_if_used(tmp_path):
    text = "time,load,x,x\n" + "\n".join(f"{t},{i}.5,1,2" for i, t in enumerate(HOURS)) + "\n"
    series = load(write(tmp_path, text), "load", calendar=False)
    assert series.features == ("load",)
    assert series.notes == ("Several columns are named 'x'; they were left out.",)
    for options in ({"target": "x"}, {"target": "load", "features": ["x"]}, {"target": "load", "time": "x"}):
        with pytest.raises(UserError, match="two columns named 'x'"):
            load(write(tmp_path, text), **options)


def test_nameless_columns_that_are_empty_or_count_rows_are_left_out_with_a_note(tmp_path):
    lines = [f"{i + (i > 12)},{t},{i}.5,," for i, t in enumerate(HOURS)]
    series = load(write(tmp_path, ",time,load,,\n" + "\n".join(lines) + "\n"), "load", calendar=False)
    assert series.features == ("load",)
    assert [note.split("'")[1] for note in series.notes] == ["column_1", "column_4", "column_5"]
    named = ",".join(["Unnamed: 0", "time", "load"]) + "\n" + "\n".join(line[:-2] for line in lines) + "\n"
    assert load(write(tmp_path, named), "load", calendar=False).features == ("load",)


@pytest.mark.parametrize("target", [1, 0, True, 1.5, "1"])
def test_numbers_and_booleans_are_names_too(tmp_path, target):
    text = "0,time,1,true,1.5,OT\n" + "\n".join(
        f"{i % 3},{t},1{i},2{i},3{i},4{i}" for i, t in enumerate(HOURS)
    )
    series = load(write(tmp_path, text), target, calendar=False, features=[0, "OT"])
    name = str(target).lower() if target is True else str(target)
    assert series.targets == (name,)
    assert set(series.features) == {"0", "OT", name}
    start = {"1": "1", "0": "", "true": "2", "1.5": "3"}[name]
    assert series.column(name)[2] == (2 if name == "0" else int(start + "2"))


def test_a_time_column_may_be_named_by_a_number(tmp_path):
    text = "0,1\n".replace("1", "load") + rows(",")
    assert load(write(tmp_path, text), "load", time=0, calendar=False).recipe.time.columns == ("0",)


@pytest.mark.parametrize(
    "line",
    [
        "2024-01-01 00:00,north,1.5",
        "01-Jan-2024 00:00,north,1.5",
        "1704067200,north,1.5",
        "1/1/2024,a,b",
        "7,north,2",
    ],
)
def test_a_file_without_a_header_is_refused(tmp_path, line):
    with pytest.raises(UserError, match="has no header, its first line is"):
        load(write(tmp_path, "\n".join([line] * 5 + [line.replace("2", "3")]) + "\n"), "all")


def test_a_header_may_have_dates_and_words_that_recur_elsewhere(tmp_path):
    text = "time,2024-01-01,north\n" + "".join(f"{time},{i % 5},{i % 7}\n" for i, time in enumerate(HOURS))
    assert load(write(tmp_path, text), "all", calendar=False).features[0] == "2024-01-01"


def test_names_beyond_ascii_in_a_file_that_is_not_utf8_are_noted(tmp_path):
    path = tmp_path / "plant.csv"
    path.write_bytes(("Zeit;Größe\n" + rows()).encode("cp1252"))
    (note,) = load(str(path), "all", calendar=False).notes
    assert "is read as cp1252, by which a column is called 'Größe'" in note
