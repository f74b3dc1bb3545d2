"""What heads compute becomes valid parameters of each distribution, which shift and stretch with the series."""

import keras
import numpy as np
import pytest

from tsforecast.layers.distributions import create_distribution

CURVE = {"method": "log1p", "mean": 0.5, "scale": 1.5, "center": 0.0, "width": 1.0}
LINEAR = {"method": "linear", "mean": 0.0, "scale": 1.0, "center": 0.0, "width": 1.0}


@pytest.mark.parametrize("name", ["normal", "student_t", "mixture"])
def test_points_move_and_stretch_with_the_series(name):
    distribution = create_distribution({"name": name})
    raw = np.random.default_rng(0).normal(size=(4, 2, 1, distribution.size)).astype("float32")
    arranged = np.array(distribution.arrange(raw))
    moved = arranged.copy()
    moved[..., : distribution.points] = 3.0 * moved[..., : distribution.points] + 10.0
    before, after = (
        np.asarray(distribution.quantiles(distribution.parameters(part), [0.1, 0.5, 0.9]))
        for part in (arranged, moved)
    )
    # MIN_SCALE does not stretch.
    np.testing.assert_allclose(after, 3.0 * before + 10.0, atol=0.01)
    assert (np.diff(before, axis=-1) > 0).all()


@pytest.mark.parametrize("name", ["normal", "student_t", "mixture", "negative_binomial"])
@pytest.mark.parametrize("raw", [-1e4, -80.0, 80.0, 1e4])
def test_extreme_outputs_have_finite_losses_and_gradients(name, raw):
    import tensorflow as tf

    distribution = create_distribution({"name": name, "channels": [LINEAR]})
    values = tf.fill((3, 1, distribution.size), raw)
    with tf.GradientTape() as tape:
        tape.watch(values)
        parameters = distribution.parameters(distribution.arrange(values))
        loss = distribution.loss(parameters, np.array([[-5.0], [0.0], [1e3]], "float32"))
    assert np.isfinite(loss).all()
    assert np.isfinite(tape.gradient(loss, values)).all()


def test_the_mean_is_left_out_under_a_curve():
    assert create_distribution({"name": "normal", "channels": [LINEAR]}).has_mean
    assert not create_distribution({"name": "normal", "channels": [CURVE]}).has_mean
    assert create_distribution({"name": "negative_binomial", "channels": [CURVE]}).has_mean


def test_descriptions_round_trip():
    for fields in ({"name": "mixture", "components": 5}, {"name": "implicit_quantile", "width": 8}):
        again = create_distribution(create_distribution({**fields, "channels": [CURVE]}).to_dict())
        assert again.to_dict() == {**fields, "channels": [CURVE]}
        assert isinstance(
            keras.ops.convert_to_numpy(again.arrange(np.zeros((1, again.size), "float32"))), np.ndarray
        )
