"""Files for other runtimes: the same forecasts in the data's units, and none left that forecasts something else."""

import dataclasses
import importlib.util
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tests.helpers.serving_case import CHANNELS, LOOKBACK, make_metadata, make_task
from tsforecast.ensemble.model import Ensemble
from tsforecast.errors import UserError
from tsforecast.export import formats
from tsforecast.export.graph import as_served, standalone
from tsforecast.export.parity import Sample, answers, as_markdown, difference
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.jobs import export
from tsforecast.models.gru import GRU
from tsforecast.models.spike_detector import SpikeDetector

LIBRARIES = all(map(importlib.util.find_spec, ("tf2onnx", "onnx", "onnxruntime")))


def make_ensemble(**task):
    """A GRU and a spike detector, which hold every layer that the other networks have, with weights of a gate."""
    keras.utils.set_random_seed(3)
    task = make_task(**task)
    detector = SpikeDetector(task, filters=4, heads=2, units=4, dense_units=[4])
    members = [GRU(task, units=[4, 4], dense_units=[4]), detector]
    model = Ensemble(task, members, ["gru", "spike_detector"], gate_units=4, thresholds=[0.5])
    model.describe(**make_metadata(members=["gru", "spike_detector"]))
    return model


@pytest.fixture(scope="module")
def case():
    """An ensemble, its contract, a sample of windows and what the service answers for them."""
    model = make_ensemble()
    metadata = ModelMetadata.from_model(model)
    draw = np.random.default_rng(0)
    values = draw.normal(size=(3, LOOKBACK, len(CHANNELS))) * metadata.scaler.scale + metadata.scaler.mean
    sample = Sample(values.astype(np.float32), draw.normal(size=(3, 2, 1)))
    return model, metadata, sample, answers(as_served(model, metadata), sample)


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
    variant = next(one for one in formats.variants(kind, True) if one.file == file)
    variant.write(model, metadata, tmp_path / file)
    found = answers(variant.open(tmp_path / file), sample)
    assert set(found) == {"forecast", "spike", "weights"}
    assert difference(expected, found, metadata) < (0.05 if variant.quantised else 1e-5)
    np.testing.assert_allclose(found["weights"].sum(axis=1), 1.0, rtol=1e-5)


def test_plain_graphs_take_no_program_of_xla(case):
    model, metadata, *_ = case
    for programs in (True, False):
        module = standalone(model, metadata, windows=1, programs=programs)
        functions = module.forecast.get_concrete_function().graph.as_graph_def().library.function
        assert any("_XlaMustCompile" in one.attr for one in functions) == programs


def test_half_precision_and_quantiles_are_written_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = make_ensemble(quantile_levels=(0.1, 0.5, 0.9))
    keras.config.set_dtype_policy("float32")
    metadata = ModelMetadata.from_model(model)
    values = np.full((1, LOOKBACK, len(CHANNELS)), 1.5, np.float32)
    found = standalone(model, metadata, windows=1).forecast(values)
    expected = as_served(model, metadata)(values)
    assert found["forecast"].shape == (1, 2, 1, 3)
    np.testing.assert_allclose(found["forecast"], expected["forecast"], atol=0.02)
    assert model.compute_dtype == "bfloat16"  # the original stays as it is


def wrong(by, *, quantised, case):
    """A way to write that forgets the model and answers ``by`` kW beside it."""
    *_, sample, expected = case
    known = {sample.values[i].tobytes(): i for i in range(len(sample.values))}

    def run(values):
        i = known[values[0].tobytes()]
        found = {name: answer[i : i + 1] for name, answer in expected.items()}
        return found | {"forecast": found["forecast"] + by}

    return formats.Variant(
        "Wrong", "wrong.bin", quantised, lambda model, metadata, path: path.touch(), lambda path: run
    )


def exported(case, variant, folder):
    model, metadata, sample, expected = case
    asked = SimpleNamespace(export=SimpleNamespace(tolerance=1e-3, quantised_tolerance=0.05))
    return export._exported(asked, model, metadata, variant, sample, expected, folder)


def test_a_plain_file_that_differs_is_not_left(case, tmp_path):
    with pytest.raises(UserError, match=r"Wrong differs by 0\.02 from the original, more than 0\.001"):
        exported(case, wrong(0.01, quantised=False, case=case), tmp_path)  # 0.01 kW of a spread of 0.5
    assert not list(tmp_path.iterdir())


def test_coarser_weights_may_differ_more_and_are_named_where_they_do_too_much(case, tmp_path):
    (tmp_path / "wrong.bin").touch()  # of an earlier model
    row = exported(case, wrong(0.1, quantised=True, case=case), tmp_path)
    assert row["refused"] == "differs by 0.2 from the original, more than 0.05"
    assert not list(tmp_path.iterdir())
    row = exported(case, wrong(0.01, quantised=True, case=case), tmp_path)
    assert row["file"] == "export/wrong.bin"
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.bin"]
    assert "| Wrong | export/wrong.bin | 0 |" in as_markdown([row], case[1], 3)


def test_a_converter_that_breaks_is_told_in_one_sentence(case, tmp_path):
    def broken(model, metadata, path):
        path.mkdir()
        raise RuntimeError("no such\noperator")

    variant = dataclasses.replace(wrong(0.0, quantised=False, case=case), write=broken)
    with pytest.raises(UserError, match=r"^Wrong cannot hold Ensemble: no such operator$"):
        exported(case, variant, tmp_path)
    assert not list(tmp_path.iterdir())


def test_with_all_formats_one_that_is_refused_does_not_take_the_others(case, tmp_path, monkeypatch):
    model, _, sample, _ = case
    saved = tmp_path / "best.keras"
    saved.touch()
    asked = SimpleNamespace(tolerance=1e-3, quantised_tolerance=0.05, quantise=False, windows=3)
    config = SimpleNamespace(format="all", export=asked)
    monkeypatch.setattr(export, "_source", lambda config: (saved, config, "run"))
    monkeypatch.setattr(export, "_sample", lambda config, dataset: sample)
    monkeypatch.setattr(export, "load_model", lambda path: model)
    monkeypatch.setattr(export, "build_saved_data", lambda config, saved: None)
    monkeypatch.setattr(export.build, "set_up_runtime", lambda config: SimpleNamespace(device_name="here"))

    def variants(kind, quantise):
        by = 0.01 if kind == "saved_model" else 0.0
        return [dataclasses.replace(wrong(by, quantised=False, case=case), name=kind, file=kind)]

    monkeypatch.setattr(formats, "variants", variants)
    with pytest.raises(UserError, match=r"^saved_model differs by 0\.02"):
        export.main(config, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out/export").iterdir()} == {"onnx", "litert"}
    table = (tmp_path / "out/export.md").read_text()
    assert "| onnx | export/onnx |" in table
    assert "| litert | export/litert |" in table


def test_what_is_no_number_or_is_missing_differs(case):
    _, metadata, _, expected = case
    nan = expected | {"spike": expected["spike"] * np.nan}
    assert not difference(expected, nan, metadata) <= 1e9
    assert not difference(expected, {"forecast": expected["forecast"]}, metadata) <= 1e9


def test_trees_may_jump_on_few_windows_and_networks_on_none(case):
    _, metadata, _, _ = case
    ours = {"forecast": np.zeros((100, 2, 1))}
    for jumps, passes in ((2, True), (4, False)):
        theirs = {"forecast": np.where(np.arange(100)[:, None, None] < jumps, 1.0, 0.0) * np.ones((1, 2, 1))}
        assert (difference(ours, theirs, metadata, trees=True) == 0.0) is passes
        assert difference(ours, theirs, metadata) > 0
