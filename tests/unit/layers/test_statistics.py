import keras
import numpy as np
import pytest

from tsforecast.layers.statistics import RollingStatistics

SPANS = [1, 2, 3, 7, 12, 60]


def rolling(past, spans):
    return np.asarray(RollingStatistics(spans)(past))


def test_each_step_has_the_mean_and_extremes_of_its_newest_steps():
    past = np.random.default_rng(0).normal(size=(2, 40, 3)).astype("float32")
    values = rolling(past, SPANS)
    assert values.shape == (2, 40, 3 * 3 * len(SPANS))
    for step in range(40):
        newest = [past[:, max(0, step + 1 - span) : step + 1] for span in SPANS]
        expected = [
            pick(part, axis=1) for part in newest for pick in (np.mean, np.min, np.max)
        ]  # a span that begins before the window covers the steps that there are
        np.testing.assert_allclose(values[:, step], np.concatenate(expected, axis=-1), atol=1e-6)


@pytest.mark.parametrize("span", [2, 5, 8, 13])
def test_what_precedes_a_span_changes_no_bit(span):
    rows = np.random.default_rng(1).normal(size=(1, 50, 2)).astype("float32")
    window = rows[:, 20:]
    np.testing.assert_array_equal(rolling(rows, [span])[:, 20 + span :], rolling(window, [span])[:, span:])


def test_half_precision_keeps_the_sums_of_many_steps():
    past = np.full((1, 300, 1), 1.001, "float32")
    layer = RollingStatistics([256], dtype="mixed_bfloat16")
    values = layer(past)
    assert values.dtype == "float32"
    np.testing.assert_allclose(np.asarray(values)[0, -1], 1.001, rtol=1e-6)


def test_it_is_rebuilt_from_its_config():
    inputs = keras.Input((5, 2))
    layer = RollingStatistics.from_config(RollingStatistics([2, 4], name="some").get_config())
    assert layer.spans == [2, 4]
    assert layer(inputs).shape == (None, 5, 12)
