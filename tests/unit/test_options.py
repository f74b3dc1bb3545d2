"""Ranges in annotations."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from tsforecast.options import NotEmpty, Range, Widths, field_rules, read_rule


@dataclass(frozen=True, kw_only=True)
class Options:
    steps: Annotated[int | None, Range(1)]
    share: Annotated[float, Range(0, 1)]
    padding: Literal["end", "none"]
    word: Literal["a"] | None
    flags: list[bool]
    text: str


def test_the_rules_of_a_dataclass():
    rules = field_rules(Options)
    assert (rules["steps"].kind, rules["steps"].range) == (int, Range(1, math.inf))
    assert (rules["share"].kind, rules["share"].range) == (float, Range(0, 1))
    assert rules["padding"].choices == ("end", "none")
    assert rules["word"].choices == ("a",)
    assert rules["flags"].kind is bool
    assert rules["text"].kind is None
    assert read_rule(Widths).not_empty == NotEmpty(64)


@pytest.mark.parametrize(
    ("value", "inside"),
    [(0, True), (1, True), (-0.1, False), (1.1, False), (math.nan, False), (math.inf, False)],
)
def test_a_range_includes_its_ends_and_never_nan(value, inside):
    assert (value in Range(0, 1)) is inside


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Range(1), "at least 1"),
        (Range(0, 2**31 - 1), "between 0 and 2147483647"),
        (Range(1e-12, 10.0), "between 1e-12 and 10"),
    ],
)
def test_a_range_in_words(limits, words):
    assert str(limits) == words
