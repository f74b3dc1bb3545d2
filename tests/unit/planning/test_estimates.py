"""The users' figures, the verdict on them, and the ensemble that they are about."""

import pytest

from tsforecast.formatting import duration
from tsforecast.planning.activations import Activations
from tsforecast.planning.ensemble import compared, scales, together
from tsforecast.planning.estimates import users, verdict
from tsforecast.planning.formatting import short, size
from tsforecast.planning.memory import Memory


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
        "training": {"weights": 40, "batch": 8, "activations": 3, "step": 70},
        "inference": {"weights": 40, "step": step},
    }


FIVE = users()["members"]


def test_trained_in_turn_the_largest_counts_and_served_together_the_sum():
    plans = {name: plan(5000 + i, 100) for i, name in enumerate(FIVE)}
    plans["patchtst"] = plan(9999, 1)  # not one of the five
    found = together(plans, FIVE)
    assert found["members"] == FIVE
    assert found["train_peak"] == 5004
    assert found["serve_peak"] == 1000 + 5 * 100
    assert found["params"] == 50
    assert found["run_seconds"] is None  # nothing was timed


def test_the_ensembles_own_plan_counts_for_fine_tuning_and_for_serving():
    plans = {name: plan(5000, 100) for name in FIVE} | {"ensemble": plan(8000, 130) | {"params": 55}}
    found = together(plans, FIVE)
    assert found["train_peak"] == 8000
    assert found["serve_peak"] == 1000 + 130
    assert found["params"] == 55
    assert found["fine_tuning"] == 70


def test_at_a_larger_scale_data_and_passes_grow_and_the_step_does_not():
    held = Activations(kept=900, work=90, worst="x", infer=1, values=1, uses=())
    memory = Memory(1, 0, 0, 0, window=10, activations=held, resident=1000, program=500)
    plans = {"lstm": plan(memory.peak(4), 100)}
    (small, large) = scales(
        plans,
        {"lstm": memory},
        together(plans, FIVE),
        rows_of={"large": 300, "small": 100},
        own=100,
        data=1000,
        batch_size=4,
        device_bytes=10_000,
    ).values()
    assert small["rows"] == 100
    assert small["train_peak"] == memory.peak(4)
    assert large["train_peak"] == memory.peak(4) + 2000
    assert (small["steps_a_pass"], large["steps_a_pass"]) == (5, 15)
    assert small["models"]["lstm"]["largest_batch"] == 7  # (9,200 - 1,500) bytes for windows of 1,000
    assert large["models"]["lstm"]["largest_batch"] == 5
    assert small["models"]["lstm"]["fits"]


def test_the_batch_stands_beside_the_users_megabytes():
    plans = {"lstm": plan(5000, 100)}
    line = compared(plans, together(plans, FIVE), {}, "cpu")["inputs of a batch, bytes"]
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
    [(0.0312, "0.031 s"), (12.44, "12.4 s"), (192, "3 min 12 s"), (18360, "5 h 6 min"), (None, "–")],
)
def test_seconds_are_read_in_the_unit_that_suits(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(153_600, "154 KB"), (61_000_000, "61.0 MB"), (1_040_000_000, "1.0 GB"), (404, "404 B")],
)
def test_narrow_columns_have_three_digits(number, text):
    assert short(number) == text
