"""A model with a distribution forecasts any level without training."""

import dataclasses

import numpy as np
import pytest

from tests.helpers.model_checks import TASKS, batch, described
from tsforecast.models.dlinear import DLinear
from tsforecast.models.levels import at_levels


@pytest.mark.parametrize("name", ["student_t", "implicit_quantile"])
def test_the_levels_that_both_have_are_equal(name):
    task = dataclasses.replace(TASKS["quantiles"], distribution={"name": name})
    model = described(DLinear(task, kernel_size=5))
    past = batch(task)[0]
    before, after = model(past), at_levels(model, [0.01, 0.1, 0.3, 0.5, 0.9])(past)
    assert (np.diff(after["forecast"], axis=-1) >= 0).all()
    if name == "student_t":  # implicit quantiles may cross before they are trained, and are then sorted
        common = np.asarray(after["forecast"])[..., [1, 3, 4]]
        np.testing.assert_allclose(common, before["forecast"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(after["parameters"], before["parameters"])
