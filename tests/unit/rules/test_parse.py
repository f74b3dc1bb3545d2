"""Wrong rules are refused by name, right ones read as written; all without Keras."""

import subprocess
import sys

import pytest

from tsforecast.errors import UserError
from tsforecast.rules.parse import parse_rules

RIGHT = {"name": "r", "when": "always", "then": "hold"}


def refused(change, lookback=100):
    with pytest.raises(UserError) as caught:
        parse_rules([{**RIGHT, **change}], lookback)
    return str(caught.value)


WRONG = [
    ({"whne": "always"}, "no key 'whne'. Did you mean 'when'?"),
    ({"when": None}, "no 'when'"),
    ({"then": None}, "no 'then'"),
    ({"trust": 1}, "trust=1 is out of range"),
    ({"trust": "high"}, "trust is 'high'"),
    ({"target": 3}, "target is 3"),
    ({"when": {"levle": {"above": 1}}}, "Did you mean 'level'?"),
    ({"when": "sometimes"}, "'sometimes', which does not exist"),
    ({"when": {"level": {"above": 1}, "flat": {"steps": 3}}}, "exactly one of"),
    ({"when": {"always": {"above": 1}}}, "'always' takes nothing"),
    ({"when": {"level": 3}}, "give it a mapping"),
    ({"when": {"level": {}}}, "lacks a number: give above or below"),
    ({"when": {"level": {"above": "1"}}}, "level.above is '1': give a number"),
    ({"when": {"level": {"above": True}}}, "level.above is True"),
    ({"when": {"level": {"above": float("nan")}}}, "level.above is nan"),
    ({"when": {"level": {"above": 2, "below": 1}}}, "nothing is above 2 and below 1"),
    ({"when": {"level": {"above": 1, "featrue": "x"}}}, "Did you mean 'feature'?"),
    ({"when": {"level": {"above": 1, "feature": 7}}}, "feature is 7"),
    ({"when": {"jump": {"above": 1}}}, "jump.steps is missing"),
    ({"when": {"jump": {"above": 1, "steps": 2.5}}}, "jump.steps is 2.5"),
    ({"when": {"jump": {"above": 1, "steps": 100}}}, "between 1 and 99 fit window.lookback"),
    ({"when": {"zscore": {"above": 1000}}}, "1000 is out of range"),
    ({"when": {"flat": {"steps": 1}}}, "between 2 and 100"),
    ({"when": {"flat": {"steps": 5, "tolerance": -1}}}, "tolerance=-1 is out of range"),
    ({"when": {"time_of_day": {"from": "18:00"}}}, "time_of_day.to is missing"),
    ({"when": {"time_of_day": {"from": "18:00", "to": "25:00"}}}, "time_of_day.to is 1500"),
    ({"when": {"time_of_day": {"from": "18:61", "to": "20:00"}}}, "give a time of day"),
    ({"when": {"time_of_day": {"from": "06:00", "to": "06:00"}}}, "the same time"),
    ({"when": {"all": []}}, "'all' is []"),
    ({"when": {"any": {"level": {"above": 1}}}}, "give it a list of conditions"),
    ({"when": {"all": ["always", {"not": {"level": {}}}]}}, "level lacks a number"),
    ({"then": "eval"}, "'eval', which does not exist"),
    ({"then": {"clip": {}}}, "clip lacks a number: give low or high"),
    ({"then": {"clip": {"low": "min"}}}, "clip.low is 'min'"),
    ({"then": {"clip": {"low": 3, "high": 3}}}, "low=3 is not below high=3"),
    ({"then": {"ramp": {"up": -1}}}, "ramp.up=-1 is out of range"),
    ({"then": {"hold": {"steps": 3}}}, "'hold' takes nothing"),
    ({"then": {"_target_": "os.system"}}, "'_target_', which does not exist"),
]


@pytest.mark.parametrize(("change", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_wrong_rule_is_refused_by_its_name_in_one_line(change, words):
    message = refused(change)
    assert message.startswith("Rule 'r'")
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("hold", "give a list of rules"),
        (["hold"], "model.rules[0] is 'hold'"),
        ([{"when": "always", "then": "hold"}], "model.rules[0] has no name"),
        ([RIGHT, RIGHT], "two rules named 'r'"),
    ],
)
def test_a_wrong_list_is_refused(rules, words):
    with pytest.raises(UserError, match=words.replace("[", r"\[")):
        parse_rules(rules, 100)


def test_a_right_rule_is_read_as_written():
    when = {
        "all": [
            {"time_of_day": {"from": "22:30", "to": 360}},
            {"not": {"jump": {"steps": 3, "below": -1, "feature": "voltage"}}},
        ]
    }
    rule = {"name": "night", "when": when, "then": {"clip": {"low": 0, "high": "training"}}, "trust": 0.9}
    assert parse_rules([rule], 100) == [
        {
            "name": "night",
            "target": None,
            "trust": 0.9,
            "when": {
                "kind": "all",
                "of": [
                    {"kind": "time_of_day", "from": 1350, "to": 360},
                    {
                        "kind": "not",
                        "of": [
                            {"kind": "jump", "above": None, "below": -1.0, "steps": 3, "feature": "voltage"}
                        ],
                    },
                ],
            },
            "then": {"kind": "clip", "low": 0.0, "high": "training"},
        }
    ]


def test_no_rules_are_none():
    assert parse_rules(None, 100) == []


def test_parsing_needs_no_keras():
    script = "import sys, tsforecast.rules; sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
