"""A file of each format computes what the service computes."""

import importlib.util

import numpy as np
import pytest

from tests.helpers.export_case import make_case
from tsforecast.export.formats import list_variants
from tsforecast.export.parity import max_difference, run_sample

LIBRARIES = all(map(importlib.util.find_spec, ("tf2onnx", "onnx", "onnxruntime")))


@pytest.fixture(scope="module")
def case():
    return make_case()


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("saved_model", "saved_model"),
        ("litert", "model_int8.tflite"),
        pytest.param(
            "onnx",
            "model.onnx",
            marks=pytest.mark.skipif(not LIBRARIES, reason="the extra `export` is not installed"),
        ),
    ],
)
def test_a_file_answers_as_the_service_does(case, tmp_path, kind, file):
    model, metadata, sample, expected = case
    variant = next(one for one in list_variants(kind, True) if one.file == file)
    variant.write(model, metadata, tmp_path / file)
    found = run_sample(variant.open(tmp_path / file), sample)
    assert set(found) == {"forecast", "spike", "weights"}
    assert max_difference(expected, found, metadata) < (0.05 if variant.quantized else 1e-5)
    np.testing.assert_allclose(found["weights"].sum(axis=1), 1.0, rtol=1e-5)
