"""The dependence of a probabilistic model is fitted on validation windows and stored with its run."""

import numpy as np

from tests.helpers.scored_case import HORIZON, TruthPlus, dataset
from tsforecast.evaluation.dependence import FILE, dependence_file, fit_dependence, save_dependence
from tsforecast.inference.dependence import Dependence


def test_levels_come_from_validation_windows_and_point_models_have_none(tmp_path):
    data = dataset()
    model = TruthPlus(data, np.array([-0.5, 0.0, 0.5]), levels=(0.1, 0.5, 0.9))
    dependence = fit_dependence(model, data)
    assert dependence.levels.shape[1:] == (HORIZON, 1)
    np.testing.assert_allclose(dependence.levels, 0.5, atol=0.05)  # each truth is the median
    save_dependence(tmp_path, model, data)
    stored = (tmp_path / FILE).read_bytes()
    np.testing.assert_array_equal(Dependence.from_bytes(stored).levels, dependence.levels)
    assert dependence_file(TruthPlus(data, 0.0), data) == {}
