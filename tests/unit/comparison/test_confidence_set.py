"""The model confidence set."""

import numpy as np
import pytest

from tsforecast.comparison.confidence_set import LEVEL, model_confidence_set
from tsforecast.metrics.window_errors import WindowErrors

WINDOWS = 5000


def run(scale, seed=0, windows=WINDOWS, shift=0):
    """Errors of one run; equal seeds share most of their error, as models on the same windows do."""
    shared = np.random.default_rng(0).normal(size=windows)
    own = np.random.default_rng(seed).normal(size=windows)
    squared = (scale * (shared + 0.3 * own) ** 2).astype(np.float32)
    return WindowErrors(np.arange(windows) + shift, squared, np.sqrt(squared), np.ones(windows, np.int32))


def test_a_clearly_worse_model_is_out_and_two_equal_ones_are_in():
    values = model_confidence_set({"a": [run(1.0, 1)], "b": [run(1.0, 2)], "worse": [run(1.3, 3)]}, 10)
    assert values["worse"] < 1 - LEVEL
    assert min(values["a"], values["b"]) > 1 - LEVEL


def test_the_order_of_models_does_not_matter():
    models = {"a": [run(1.0, 1)], "worse": [run(1.3, 3)], "b": [run(1.0, 2)]}
    again = model_confidence_set(dict(reversed(models.items())), 10)
    assert {name for name, value in again.items() if value > 1 - LEVEL} == {"a", "b"}


def test_seeds_are_averaged_and_only_shared_windows_count():
    values = model_confidence_set(
        {"a": [run(1.0, 1), run(1.0, 4, shift=100)], "worse": [run(1.3, 3, shift=50)]}, 10
    )
    assert values["a"] == pytest.approx(1.0)


def test_too_few_windows_give_none():
    assert model_confidence_set({"a": [run(1.0, 1, 30)], "b": [run(1.1, 2, 30)]}, 10) is None


def test_models_with_equal_errors_share_their_value():
    values = model_confidence_set({"a": [run(1.0, 1)], "b": [run(1.0, 1)], "worse": [run(1.3, 3)]}, 10)
    assert values["a"] == values["b"] == 1.0
    assert model_confidence_set({"a": [run(1.0, 1)], "b": [run(1.0, 1)]}, 10) == {"a": 1.0, "b": 1.0}
