"""Weights by the inverse of the mean squared error."""

import numpy as np

from tsforecast.ensemble.weightings.inverse_error import inverse_error_weights


def test_weights_are_in_proportion_to_the_inverse_error_of_observed_windows():
    errors = np.array([[1.0, 4.0], [1.0, 4.0], [np.nan, np.nan]])
    np.testing.assert_allclose(inverse_error_weights(errors), [0.8, 0.2])
