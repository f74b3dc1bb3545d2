"""The forward pass as a self-contained function."""

import keras
import numpy as np
import pytest

from tests.helpers.export_case import make_case, make_ensemble
from tests.helpers.serving_case import CHANNELS, LOOKBACK
from tsforecast.export.graph import create_module, original_function
from tsforecast.inference.metadata import ModelMetadata


@pytest.fixture(scope="module")
def case():
    return make_case()


def test_plain_graphs_take_no_program_of_xla(case):
    model, metadata, *_ = case
    for programs in (True, False):
        module = create_module(model, metadata, windows=1, programs=programs)
        functions = module.forecast.get_concrete_function().graph.as_graph_def().library.function
        assert any("_XlaMustCompile" in one.attr for one in functions) == programs


def test_half_precision_and_quantiles_are_written_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = make_ensemble(quantile_levels=(0.1, 0.5, 0.9))
    keras.config.set_dtype_policy("float32")
    metadata = ModelMetadata.from_model(model)
    values = np.full((1, LOOKBACK, len(CHANNELS)), 1.5, np.float32)
    found = create_module(model, metadata, windows=1).forecast(values)
    expected = original_function(model, metadata)(values)
    assert found["forecast"].shape == (1, 2, 1, 3)
    np.testing.assert_allclose(found["forecast"], expected["forecast"], atol=0.02)
    assert model.compute_dtype == "bfloat16"  # the original stays as it is
