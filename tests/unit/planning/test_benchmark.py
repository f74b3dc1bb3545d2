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
    return {"a processor": {name: {"train": timing(0.036), "infer": timing(0.01)} for name in FIVE}}


def test_hours_are_steps_of_a_pass_times_the_median(rows):
    found = summary(rows, windows=3_200_000, batch_size=32)["a processor"]
    assert found["models"]["lstm"]["hours_a_pass"] == pytest.approx(1.0)  # 100,000 steps of 36 ms
    assert found["models"]["lstm"]["hours_error"] == pytest.approx(0.1)
    assert found["models"]["lstm"]["batches_in_ten_minutes"] == pytest.approx(600 / 0.036)
    assert found["ensemble"]["hours_a_pass"] == pytest.approx(5.0)
    assert found["ensemble"]["forecast_warm"] == pytest.approx(0.05)
    assert found["ensemble"]["forecast_cold"] == pytest.approx(10.0)


def test_the_users_figures_stand_beside_ours_for_their_five_models(rows):
    result = {
        "rows": 4_571_429,
        "batch_size": 32,
        "kinds": {"a processor": "cpu"},
        "devices": summary(rows, windows=3_200_000, batch_size=32),
    }
    text = markdown(result)
    assert "| a processor | hours to train the five, here a pass | 250 | 5 | too high, 50 x |" in text
    assert "| a processor | seconds a forecast of the five | 5 | 0.05 | too high, 100 x |" in text
    assert "median of 7 timed steps" in text


def test_other_models_have_no_estimate_beside_them(rows):
    del rows["a processor"]["gru"]
    result = {
        "rows": 10**6,
        "batch_size": 32,
        "kinds": {"a processor": "cpu"},
        "devices": summary(rows, windows=10**6, batch_size=32),
    }
    assert "users' estimate" not in markdown(result)
