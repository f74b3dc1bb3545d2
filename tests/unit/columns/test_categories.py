"""Categories of a column: their text, their vocabulary, and codes that come back as the same text."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsforecast.columns.categories import (
    FIRST,
    CategoryCoder,
    as_categories,
    check_policy,
    code_scalars,
    find_vocabulary,
    similar_notes,
)
from tsforecast.columns.cells import MISSING
from tsforecast.errors import UserError


def column(*values, kind=None):
    return pa.chunked_array([pa.array(values, kind)])


@settings(deadline=None, max_examples=60)
@given(values=st.lists(st.none() | st.text(max_size=12), min_size=1, max_size=30))
def test_codes_stand_for_the_texts_that_they_were_made_from(values):
    text = as_categories(column(*values, "known", kind=pa.string()))
    vocabulary = tuple(sorted({value for value in text.to_pylist() if value is not None}))
    codes = CategoryCoder({"x": vocabulary}).encode("x", text)
    again = [None if np.isnan(code) else vocabulary[int(code) - FIRST] for code in codes]
    assert again == text.to_pylist()
    assert as_categories(text).to_pylist() == again  # reading what was read changes nothing


@pytest.mark.parametrize(
    "values",
    [
        column("1", "0", None, "1"),
        column(1, 0, None, 1),
        column(1.0, 0.0, None, 1.0),
        column("1.0", "0.00", "", " 1 "),
        column("1,0", "0", "NA", '"1"'),
        column(1, 0, None, 1, kind=pa.int8()).dictionary_encode(),
        code_scalars([1, 0.0, None, "1"]),
    ],
    ids=["text", "integer", "float", "text of floats", "decimal comma", "dictionary", "JSON"],
)
def test_a_code_column_means_the_same_however_it_is_written(values):
    assert as_categories(values).to_pylist() == ["1", "0", None, "1"]


def test_booleans_and_dictionaries_are_texts():
    assert as_categories(column(True, False, None)).to_pylist() == ["true", "false", None]
    assert as_categories(column("True", "FALSE", "yes")).to_pylist() == ["true", "false", "yes"]
    assert as_categories(column("Mon", None, "Tue").dictionary_encode()).to_pylist() == ["Mon", None, "Tue"]
    assert as_categories(code_scalars([True, False])).to_pylist() == ["true", "false"]


def test_leading_zeros_and_case_differ_and_blanks_around_do_not():
    assert as_categories(column("007", "7", " On ", "on")).to_pylist() == ["007", "7", "On", "on"]


def test_stated_markers_are_missing():
    assert as_categories(column("-9999", "-9999.0", "on", "idle"), [-9999.0, "idle"]).to_pylist() == [
        None,
        None,
        "on",
        None,
    ]


@pytest.mark.parametrize("marker", MISSING)
def test_the_words_for_missing_values_are_missing(marker):
    assert as_categories(column(marker, "on")).to_pylist() == [None, "on"]


def test_unseen_categories_are_unknown_and_counted_over_pieces():
    coder = CategoryCoder({"state": ("off", "on")})
    assert coder.encode("state", column("on", "jam"), first=1).tolist() == [3, 0]
    assert coder.encode("state", column("stop", "jam", "off"), first=3).tolist() == [0, 0, 2]
    assert coder.notes() == (
        "2 unseen categories of 'state' in 3 rows, unknown to the model (first: 'jam' in row 2).",
    )


def test_unseen_categories_are_refused_with_row_and_value():
    coder = CategoryCoder({"state": ("off", "on")}, "refuse")
    with pytest.raises(UserError) as error:
        coder.encode("state", column("on", "jam"), first=11, where="predict.data: ")
    assert str(error.value) == (
        "predict.data: column 'state' has 'jam' in row 12, which is not among the categories of the training rows"
        " ('off', 'on')."
    )


@pytest.mark.parametrize("policy", ["ignore", None, True, 3])
def test_an_unknown_policy_is_refused(policy):
    with pytest.raises(UserError, match="write note or refuse"):
        check_policy(policy)


@pytest.mark.parametrize(
    ("values", "count"), [([f"id{i}" for i in range(100)], "100"), ([i % 1001 for i in range(5000)], "1,001")]
)
def test_ids_are_too_many_categories(values, count):
    with pytest.raises(UserError, match=f"data.categorical: column 'id' has {count} different values"):
        find_vocabulary("id", as_categories(column(*values)))


def test_few_rows_may_all_differ_and_an_empty_column_has_no_categories():
    assert len(find_vocabulary("day", as_categories(column(*"abcdefg")))) == 7
    with pytest.raises(UserError, match="no value at all"):
        find_vocabulary("day", as_categories(column("", None)))


def test_categories_that_look_alike_are_named():
    assert similar_notes({"state": ("On", "Stand by", "off", "on", "standby"), "day": ("Mon", "Tue")}) == (
        "Column 'state' has categories that differ by case or blanks alone: 'On' and 'on'; 'Stand by' and 'standby'.",
    )


def test_code_scalars_takes_what_json_can_hold_for_a_category():
    assert code_scalars(json.loads('["on", 1, 1.5, true, null]')).to_pylist() == [
        "on",
        "1",
        "1.5",
        "True",
        None,
    ]
    with pytest.raises(TypeError):
        code_scalars([["on"]])
