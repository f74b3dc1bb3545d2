"""The table of the benchmark from made-up timings, checked by hand."""

import pytest

from tsforecast.planning.benchmark import markdown, summarize

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
        "devices": summarize(rows, SERVED, windows=windows, batch_size=32),
    }


def test_hours_are_the_steps_of_a_pass_times_the_median(rows):
    found = summarize(rows, SERVED, windows=3_200_000, batch_size=32)["a processor"]
    assert found["models"]["lstm"]["hours_a_pass"] == pytest.approx(1.0)  # 100,000 steps of 36 ms
    assert found["models"]["lstm"]["hours_error"] == pytest.approx(0.1)
    assert found["models"]["lstm"]["batches_in_ten_minutes"] == pytest.approx(600 / 0.036)
    assert found["ensemble"]["hours_a_pass"] == pytest.approx(5.0)


def test_the_ensembles_forecast_is_measured_and_not_a_sum(rows):
    found = summarize(rows, SERVED, windows=3_200_000, batch_size=32)["a processor"]["ensemble"]
    assert (found["forecast_warm"], found["forecast_cold"]) == (0.04, 20.0)


def test_user_estimates_are_compared_for_the_users_five_models(rows):
    text = markdown(result(rows))
    assert "| hours to train the five models (measured: one pass each) | 250 | 5 | too high, 50 x |" in text
    assert "| passes of each model in the estimated hours | not stated | 50.0 | |" in text
    assert "| seconds per ensemble forecast, warm | 5 | 0.04 | too high, 125 x |" in text
    assert "| minutes for 1,000 batches of 32 (estimate is for a GPU) | 10 | 0.6 | too high, 17 x |" in text
    assert "median of at least 7 timed train steps" in text


def test_other_models_have_no_estimate(rows):
    del rows["a processor"]["gru"]
    assert "user estimate" not in markdown(result(rows))
