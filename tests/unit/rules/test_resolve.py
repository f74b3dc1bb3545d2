"""Names become channels and numbers become scaled; what the data do not have is refused by the rule's name."""

import json

import pytest

from tests.helpers.rule_case import facts
from tsforecast.errors import UserError
from tsforecast.rules.parse import parse_rules
from tsforecast.rules.resolve import resolve_rules


def resolved(rule, **changes):
    known = facts(**changes)
    return resolve_rules(
        parse_rules([{"name": "r", "when": "always", "then": "hold", **rule}], known.lookback), known
    )


def test_numbers_are_scaled_by_the_features_own_scaler():
    when = {
        "all": [
            {"level": {"above": 2.0}},
            {"level": {"below": 243.0, "feature": "voltage"}},
            {"jump": {"above": 1.0, "steps": 2}},
            {"flat": {"steps": 3, "tolerance": 0.25}},
            {"zscore": {"above": 2.5}},
        ]
    }
    [rule] = resolved({"when": when, "then": {"ramp": {"up": 1.0}}})
    assert rule["when"]["of"] == [
        {"kind": "level", "channel": 0, "above": 2.0, "below": None},
        {"kind": "level", "channel": 1, "above": None, "below": 1.0},
        {"kind": "jump", "channel": 0, "steps": 2, "above": 2.0, "below": None},
        {"kind": "flat", "channel": 0, "steps": 3, "tolerance": 0.5},
        {"kind": "zscore", "channel": 0, "above": 2.5, "below": None},
    ]
    assert rule["then"] == {"kind": "ramp", "up": 2.0, "down": None}
    assert json.loads(json.dumps(rule)) == rule


def test_limits_come_from_training_where_asked():
    [rule] = resolved({"then": {"clip": {"low": 0, "high": "training"}}})
    assert rule["then"] == {"kind": "clip", "low": -2.0, "high": 10.0}


def test_a_rule_without_a_target_is_one_for_each():
    two = {"targets": ("power", "voltage"), "target_indices": (0, 1), "training_range": [(0, 1), (220, 250)]}
    assert [(rule["name"], rule["target"]) for rule in resolved({}, **two)] == [
        ("r (power)", 0),
        ("r (voltage)", 1),
    ]
    assert [(rule["name"], rule["target"]) for rule in resolved({"target": "voltage"}, **two)] == [("r", 1)]


@pytest.mark.parametrize(
    ("rule", "changes", "words"),
    [
        ({"when": {"level": {"above": 1, "feature": "votlage"}}}, {}, "Did you mean 'voltage'?"),
        ({"target": "voltage"}, {}, "'voltage' is not a target"),
        ({"then": "seasonal"}, {"season": 1440}, "set window.lookback=1438"),
        (
            {"when": {"time_of_day": {"from": "06:00", "to": "07:00"}}},
            {"channels": ("power", "voltage", "minute_of_day_sin", "other")},
            "needs the feature 'minute_of_day_cos'",
        ),
        ({"then": {"clip": {"low": 7, "high": "training"}}}, {}, "low=7 is not below high=6"),
    ],
)
def test_what_the_data_lack_is_refused_by_name(rule, changes, words):
    with pytest.raises(UserError) as caught:
        resolved(rule, **changes)
    assert str(caught.value).startswith("Rule 'r'")
    assert words in str(caught.value)


def test_a_rule_cannot_compare_categories():
    with pytest.raises(
        UserError, match="Rule 'r': 'voltage' is a column of categories, and rules compare numbers"
    ):
        resolved({"when": {"level": {"above": 1.0, "feature": "voltage"}}}, categories=("voltage",))
