"""Equal weights."""

import numpy as np

from tsforecast.ensemble.weightings.equal import equal_weights


def test_every_member_has_the_same_weight():
    np.testing.assert_allclose(equal_weights(4), 0.25)
