"""The users' table from made-up timings, checked by hand."""

import pytest

from tsforecast.planning.benchmark import markdown, summary

FIVE = ["lstm", "gru", "cnn_lstm", "spike_detector", "rule_based"]


def timing(median, first=2.0, spread=0.1):
    return {
        "first": first,
        "median": median,
        "low": median * (1 - spread),
        "high": median * (1 + spread),
        "calls": 7,
    }


@pytest.fixture
def rows():
    return {
        "a processor": {name: {"train": timing(0.036), "infer": timing(0.01), "cold": 8.0} for name in FIVE}
    }


SERVED = {"a processor": {"infer": timing(0.04), "cold": 20.0}}


def result(rows, windows=3_200_000):
    return {
        "rows": 4_571_429,
        "windows": windows,
        "batch_size": 32,
        "policy": "float32",
        "versions": {"python": "3.11"},
        "kinds": {"a processor": "cpu"},
        "devices": summary(rows, SERVED, windows=windows, batch_size=32),
    }


def test_hours_are_steps_of_a_pass_times_the_median(rows):
    found = summary(rows, SERVED, windows=3_200_000, batch_size=32)["a processor"]
    assert found["models"]["lstm"]["hours_a_pass"] == pytest.approx(1.0)  # 100,000 steps of 36 ms
    assert found["models"]["lstm"]["hours_error"] == pytest.approx(0.1)
    assert found["models"]["lstm"]["batches_in_ten_minutes"] == pytest.approx(600 / 0.036)
    assert found["ensemble"]["hours_a_pass"] == pytest.approx(5.0)


def test_the_ensembles_forecast_is_its_own_and_no_sum(rows):
    found = summary(rows, SERVED, windows=3_200_000, batch_size=32)["a processor"]["ensemble"]
    assert (found["forecast_warm"], found["forecast_cold"]) == (0.04, 20.0)


def test_the_users_figures_stand_beside_ours_for_their_five_models(rows):
    text = markdown(result(rows))
    assert "| hours to train the five; here one pass of each | 250 | 5 | too high, 50 x |" in text
    assert "| passes of each in their hours | not stated | 50.0 |" in text
    assert "| seconds a forecast of the ensemble, warm | 5 | 0.04 | too high, 125 x |" in text
    assert "| minutes for 1,000 batches of 32; theirs is of a gpu | 10 | 0.6 | too high, 17 x |" in text
    assert "median of 7 timed train steps" in text


def test_other_models_have_no_estimate_beside_them(rows):
    del rows["a processor"]["gru"]
    assert "users' estimate" not in markdown(result(rows))
