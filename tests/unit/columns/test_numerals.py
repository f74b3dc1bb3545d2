"""Decimal and thousands marks are decided over all values of a column, and never guessed."""

import json

import numpy as np
import pyarrow as pa
import pytest

from tsforecast.columns.cells import as_numbers
from tsforecast.columns.numerals import find_evidence
from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.tables.file_source import FileSource
from tsforecast.tables.streaming import stream_rows
from tsforecast.tables.table import Hints

LOAD = [997, 1019, 1034, 1250, 12_345, 1_234_567, 5, 0]
PRICE = [8.04, 8.82, 9.01, 10.5, 7.0, 1019.25, 0.125, 3.0]


def german(number):
    return f"{number:,}".replace(",", "_").replace(".", ",").replace("_", ".")


def english(number):
    return f"{number:,}"


def swiss(number):
    return f"{number:,}".replace(",", "'")


def french(number):
    return f"{number:,}".replace(",", "\u202f").replace(".", ",")


def write(folder, style, separator=";", quote="", columns=None, name="plant.csv", dates="2024-01-{:02d}"):
    columns = columns or {"load": LOAD, "price": PRICE}
    lines = [separator.join(["day", *columns])]
    for i, values in enumerate(zip(*columns.values(), strict=True)):
        lines.append(separator.join([dates.format(i + 1), *(f"{quote}{style(v)}{quote}" for v in values)]))
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf8")
    return str(path)


@pytest.mark.parametrize("style", [german, english, swiss, french])
@pytest.mark.parametrize(
    ("separator", "quote"), [(";", ""), (";", '"'), ("\t", ""), ("\t", '"'), (",", '"'), ("|", "")]
)
def test_thousands_marks_are_read_in_every_style(tmp_path, style, separator, quote):
    series = load(write(tmp_path, style, separator, quote), ["load", "price"], calendar=False)
    np.testing.assert_array_equal(series.column("load"), LOAD)
    np.testing.assert_array_equal(series.column("price"), PRICE)
    recipe = ReadingRecipe.from_dict(json.loads(json.dumps(series.recipe.to_dict())))
    assert recipe == series.recipe
    # New rows that show no mark by themselves are read by the recipe, in whole and in pieces.
    few = {"load": LOAD[:4], "price": [1019.0] * 4}
    path = write(
        tmp_path, lambda v: style(v).removesuffix(".0").removesuffix(",0"), separator, quote, few, "new.csv"
    )
    again = load(path, ["load", "price"], calendar=False, recipe=recipe)
    np.testing.assert_array_equal(again.values, np.stack([few["load"], few["price"]], axis=1))
    table = FileSource(path).open(Hints.from_recipe(recipe))
    (rows,) = stream_rows(table, ["load", "price"], recipe.time, recipe)
    np.testing.assert_array_equal(rows.columns["load"], few["load"])
    np.testing.assert_array_equal(rows.columns["price"], few["price"])


def test_evidence_after_the_head_counts(tmp_path):
    count = 30_000
    times = np.datetime64("2020-01-01T00:00") + np.arange(count) * np.timedelta64(60, "m")
    values = [str(500 + i % 400) for i in range(count)]
    values[-2:] = ["1.019", "1.019,5"]
    path = tmp_path / "plant.csv"
    path.write_text("time;load\n" + "".join(f"{t};{v}\n" for t, v in zip(times, values, strict=True)))
    assert path.stat().st_size > 100_000
    series = load(str(path), "load", calendar=False)
    assert series.column("load")[-2:].tolist() == [1019.0, 1019.5]
    assert series.recipe.dialect.decimal == ","


@pytest.mark.parametrize(
    ("values", "shown"),
    [(["998", "1.019", "1.031"], "'1.019' in row 2"), (["1,019", "1,031", "1,050"], "'1,019' in row 1")],
)
def test_what_nothing_settles_is_refused_with_the_value_and_a_way_out(tmp_path, values, shown):
    path = write(tmp_path, str, columns={"load": values})
    with pytest.raises(UserError) as caught:
        load(path, "load")
    message = str(caught.value)
    assert f"Column 'load' contains {shown}, which may mean 1019 or 1.019" in message
    assert "data.decimal=point or data.decimal=comma" in message
    mark = values[-1][1]
    other, own = ("comma", "point") if mark == "." else ("point", "comma")
    thousands = [float(value.replace(mark, "")) for value in values]
    assert load(path, "load", decimal=other, calendar=False).column("load").tolist() == thousands
    decimals = [float(value.replace(mark, ".")) for value in values]
    assert load(path, "load", decimal=own, calendar=False).column("load").tolist() == decimals


@pytest.mark.parametrize("dates", ["{:02d}.01.2024", "2024-01-{:02d}"])
def test_dots_are_doubtful_with_dotted_dates_or_semicolons(tmp_path, dates):
    values = {"load": ["1.019", "1.031", "1.050"]}
    with pytest.raises(UserError, match=r"'1\.019' in row 1, which may mean"):
        load(write(tmp_path, str, columns=values, dates=dates), "load")
    settled = load(
        write(tmp_path, str, columns=values | {"price": ["1.5", "2", "3"]}, dates=dates),
        "load",
        calendar=False,
    )
    assert settled.column("load").tolist() == [1.019, 1.031, 1.05]


def test_an_unused_doubtful_column_does_not_matter(tmp_path):
    path = write(tmp_path, str, columns={"load": ["1", "2", "3"], "id": ["998", "1.019", "1.031"]})
    assert load(path, "load", features=["load"], calendar=False).column("load").tolist() == [1, 2, 3]


def test_columns_may_have_marks_of_their_own(tmp_path):
    path = write(tmp_path, str, columns={"a": ["1,5", "2,25"], "b": ["1.5", "2.25"], "c": ["0,5", "1.019"]})
    series = load(path, "a", calendar=False)
    assert series.recipe.other_mark == ("b",)
    assert series.values.tolist() == [[1.5, 1.5, 0.5], [2.25, 2.25, 1019.0]]


@pytest.mark.parametrize("value", ["1.01.9", "1,0190", "12,34,567", "1.019.5", "1'01", "--5", "1 01"])
def test_misplaced_marks_are_not_numbers(value):
    assert as_numbers(pa.chunked_array([["5", value]]))[0] is None


@pytest.mark.parametrize(
    ("value", "comma", "point"),
    [("8,04", True, False), ("8.04", False, True), ("0.125", False, True), ("1019.250", False, True),
     ("1.019", False, False), ("1,019", False, False), ("1.019.234", True, False), ("1,019.5", False, True),
     ("-1.234,567", True, False), ("12", False, False), (".5", False, True), ("1.5e3", False, True)],
)  # fmt: skip
def test_evidence_of_single_values(value, comma, point):
    evidence = find_evidence(pa.chunked_array([[value]]))
    assert (evidence.comma, evidence.point) == (comma, point)


@pytest.mark.parametrize("decimal", ["semicolon", 1, True, ""])
def test_an_unknown_decimal_mark_is_refused(tmp_path, decimal):
    with pytest.raises(UserError, match=r"data.decimal is .*write point or comma"):
        load(write(tmp_path, german), "load", decimal=decimal)
