"""The users' figures, the verdict on them, and the ensemble that they are about."""

import pytest

from tsforecast.planning.ensemble import compared, together
from tsforecast.planning.estimates import users, verdict
from tsforecast.planning.formatting import duration, short, size


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        (100, 100, "holds"),
        (100, 88, "holds"),
        (153_600_000, 153_600, "too high, 1,000 x"),
        (340_000, 269_825, "too high, 1.3 x"),
        (2.5e6, 36.5e6, "too low, 15 x"),
        (None, 1, ""),
        (5, None, ""),
    ],
)
def test_an_estimate_holds_within_15_percent(theirs, ours, expected):
    assert verdict(theirs, ours) == expected


def test_the_users_five_counts_are_about_their_sum():
    counts = users()["params"]
    five = [counts[name] for name in users()["members"]]
    assert sum(five) == 1_675_000
    assert counts["ensemble"] == 1_670_000


def plan(peak, step, program=1000):
    return {
        "params": 10,
        "inputs": 153_600,
        "peak": peak,
        "program": program,
        "resident": 100,
        "steps_a_pass": 5,
        "training": {"weights": 40, "batch": 8, "activations": 3},
        "inference": {"step": step},
    }


def test_trained_in_turn_the_largest_counts_and_served_together_the_sum():
    plans = {name: plan(5000 + i, 100) for i, name in enumerate(users()["members"])}
    plans["patchtst"] = plan(9999, 1)  # not one of the five
    found = together(plans)
    assert found["members"] == users()["members"]
    assert found["train_peak"] == 5004
    assert found["serve_peak"] == 1000 + 5 * 100
    assert found["params"] == 50
    assert found["run_seconds"] is None  # nothing was timed


def test_the_batch_stands_beside_the_users_megabytes():
    plans = {"lstm": plan(5000, 100)}
    line = compared(plans, together(plans), {}, "cpu")["inputs of a batch, bytes"]
    assert line["users"] == 153_600_000
    assert line["ours"] == 153_600
    assert line["verdict"] == "too high, 1,000 x"


@pytest.mark.parametrize(
    ("number", "text"), [(153_600, "153.6 KB"), (24e9, "24.0 GB"), (12, "12 B"), (None, "–")]
)
def test_bytes_are_read_in_decimal_units(number, text):
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0312, "0.031 s"), (12.44, "12.4 s"), (192, "3.2 min"), (18360, "5.1 h"), (None, "–")],
)
def test_seconds_are_read_in_the_unit_that_suits(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(153_600, "154 KB"), (61_000_000, "61.0 MB"), (1_040_000_000, "1.0 GB"), (404, "404 B")],
)
def test_narrow_columns_have_three_digits(number, text):
    assert short(number) == text
