import numpy as np

from tests.helpers.monitoring_case import make_reference
from tsforecast.monitoring.monitor import Reference
from tsforecast.monitoring.promises import read_promise


def test_each_target_has_its_own_share():
    fields = {"metrics": {"test/mae": 1.0}, "baselines": {"persistence": {"test/mae": 4.0}}}
    promise = read_promise({"targets": {"a": fields, "b": {}}}, ["a", "b"], 0.8, None)
    np.testing.assert_array_equal(promise.error, [0.25, np.nan])
    assert promise.coverage == 0.8


def test_validation_windows_stand_in_for_a_result_without_baselines():
    reference = make_reference()
    known = Reference(reference.inputs, reference.residuals, (0.7,))
    assert read_promise({"metrics": {"test/mae": 1.0}}, ["load"], 0.9, known).error.tolist() == [0.7]
    assert np.isnan(read_promise({"metrics": None}, ["load"], 0.9, reference).error).all()
