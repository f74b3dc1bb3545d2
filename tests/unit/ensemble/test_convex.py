"""Convex weights against a search over the simplex and hand-made cases."""

import itertools

import numpy as np
import pytest

from tsforecast.ensemble.convex import fit_convex_weights, project_to_simplex


@pytest.mark.parametrize("seed", range(5))
def test_no_weights_on_a_fine_grid_do_better(seed):
    rng = np.random.default_rng(seed)
    signed = rng.normal(size=(400, 3)) * [1.0, 1.5, 3.0] + rng.normal(size=(400, 1))
    found = fit_convex_weights(signed)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    grid = [
        np.array([a, b, 50 - a - b]) / 50 for a, b in itertools.product(range(51), repeat=2) if a + b <= 50
    ]
    least = min(np.mean((signed @ weights) ** 2) for weights in grid)
    assert np.mean((signed @ found) ** 2) <= least * (1 + 1e-9)


def test_a_useless_member_gets_nothing():
    rng = np.random.default_rng(0)
    good = rng.normal(size=500)
    found = fit_convex_weights(np.stack([good, good + 5 * rng.normal(size=500)], axis=1))
    assert found[1] < 0.05


def test_the_nearest_point_of_the_simplex():
    np.testing.assert_allclose(project_to_simplex(np.array([0.2, 0.8])), [0.2, 0.8])
    np.testing.assert_allclose(project_to_simplex(np.array([3.0, 0.0, -1.0])), [1.0, 0.0, 0.0])
    np.testing.assert_allclose(project_to_simplex(np.array([0.5, 0.5, 0.5])), 1 / 3)
