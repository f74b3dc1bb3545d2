"""No file is left that forecasts something else than the original."""

import dataclasses
import json
from types import SimpleNamespace

import pytest

from tests.helpers.context_case import context_dataset, context_metadata, draw_values
from tests.helpers.export_case import make_case
from tsforecast.errors import UserError
from tsforecast.export import export, formats
from tsforecast.export.export import Original, add_earlier_rows, export_variant
from tsforecast.export.options import ExportOptions
from tsforecast.export.parity import Sample, to_markdown
from tsforecast.jobs import export as export_job
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.registry.model_source import ModelSource
from tsforecast.times.formats import TimeFormat

OPTIONS = ExportOptions(windows=3, tolerance=1e-3, quantize=False, quantized_tolerance=0.05)


@pytest.fixture(scope="module")
def case():
    return make_case()


def wrong(by, *, quantized, case):
    """Return a variant that ignores the model, and whose forecasts are wrong by ``by`` kW."""
    *_, sample, expected = case
    known = {sample.values[i].tobytes(): i for i in range(len(sample.values))}

    def run(values):
        i = known[values[0].tobytes()]
        found = {name: answer[i : i + 1] for name, answer in expected.items()}
        return found | {"forecast": found["forecast"] + by}

    return formats.Variant(
        "Wrong", "wrong.bin", quantized, lambda model, metadata, path: path.touch(), lambda path: run
    )


def exported(case, variant, folder):
    return export_variant(original(case), variant, OPTIONS, folder)


def original(case):
    model, metadata, sample, expected = case
    row = {
        "model": "original (run)",
        "file": "best.keras",
        "bytes": 0,
        "ms": 1.0,
        "ms_low": 1.0,
        "ms_high": 1.0,
    }
    return Original(model, metadata, sample, expected, row | {"rmse": 1.0, "difference": None})


def test_a_plain_file_that_differs_is_not_left(case, tmp_path):
    with pytest.raises(UserError, match=r"Wrong differs by 0\.02 from the original, more than 0\.001"):
        exported(case, wrong(0.01, quantized=False, case=case), tmp_path)  # 0.01 kW of a spread of 0.5
    assert not list(tmp_path.iterdir())


def test_coarser_weights_may_differ_more_and_are_named_where_they_do_too_much(case, tmp_path):
    (tmp_path / "wrong.bin").touch()  # of an earlier model
    row = exported(case, wrong(0.1, quantized=True, case=case), tmp_path)
    assert row["refused"] == "differs by 0.2 from the original, more than 0.05"
    assert not list(tmp_path.iterdir())
    row = exported(case, wrong(0.01, quantized=True, case=case), tmp_path)
    assert row["file"] == "export/wrong.bin"
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.bin"]
    assert "| Wrong | export/wrong.bin | 0 |" in to_markdown([row], case[1], 3)


def test_a_converter_that_breaks_is_told_in_one_sentence(case, tmp_path):
    def broken(model, metadata, path):
        path.mkdir()
        raise RuntimeError("no such\noperator")

    variant = dataclasses.replace(wrong(0.0, quantized=False, case=case), write=broken)
    with pytest.raises(UserError, match=r"^Wrong cannot hold Ensemble: no such operator$"):
        exported(case, variant, tmp_path)
    assert not list(tmp_path.iterdir())


def test_with_all_formats_one_that_is_refused_does_not_take_the_others(case, tmp_path, monkeypatch):
    model, metadata, sample, _ = case
    saved = tmp_path / "best.keras"
    saved.touch()
    source = ModelSource("run", saved, tmp_path / "config.yaml")
    config = SimpleNamespace(format="all", export=OPTIONS, registry=None, run="run")
    monkeypatch.setattr(export_job, "resolve_model", lambda registry, run: source)
    monkeypatch.setattr(export_job, "model_config", lambda config, source: config)
    monkeypatch.setattr(export_job, "load_model", lambda path: model)
    monkeypatch.setattr(export_job, "build_saved_data", lambda config, saved: None)
    monkeypatch.setattr(
        export_job.build, "set_up_runtime", lambda config: SimpleNamespace(device_name="here")
    )
    monkeypatch.setattr(Sample, "from_dataset", classmethod(lambda cls, dataset, windows: sample))

    def list_variants(name, quantize):
        error = 0.01 if name == "saved_model" else 0.0
        return [dataclasses.replace(wrong(error, quantized=False, case=case), name=name, file=name)]

    monkeypatch.setattr(export, "list_variants", list_variants)
    with pytest.raises(UserError, match=r"^saved_model differs by 0\.02"):
        export_job.main(config, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out/export").iterdir()} == {"onnx", "litert"}
    table = (tmp_path / "out/export.md").read_text()
    assert "| onnx | export/onnx |" in table
    assert "| litert | export/litert |" in table
    stored = json.loads((tmp_path / "out/export.json").read_text())
    assert stored["interface"]["input"]["channels"] == [channel.name for channel in metadata.channels]
    assert stored["interface"]["outputs"]["spike"] == ["windows", 2, 1]


def test_rows_of_other_formats_are_kept(tmp_path):
    earlier = [{"model": "ONNX", "ms": 2.0}, {"model": "LiteRT", "ms": 1.0}]
    (tmp_path / "export.json").write_text(json.dumps({"rows": earlier}))
    rows = add_earlier_rows(tmp_path / "export.json", [{"model": "ONNX", "ms": 3.0}])
    assert rows == [{"model": "ONNX", "ms": 3.0}, {"model": "LiteRT", "ms": 1.0}]
    assert add_earlier_rows(tmp_path / "none.json", rows) == rows


def test_the_interface_lists_categories_in_the_order_of_their_codes(case):
    _, metadata, *_ = case
    channel = metadata.channels[1]
    recipe = ReadingRecipe(TimeFormat(("time",), "iso"), (), categories={channel.feature: ("idle", "run")})
    original = SimpleNamespace(metadata=dataclasses.replace(metadata, recipe=recipe), outputs={})
    codes = export.describe_interface(original)["input"]["codes"]
    assert codes == {channel.name: {"unknown": 0, "missing": 1, "first": 2, "categories": ["idle", "run"]}}
    assert "codes" not in export.describe_interface(SimpleNamespace(metadata=metadata, outputs={}))["input"]


def test_the_interface_describes_the_context():
    metadata = context_metadata(context_dataset(draw_values(400), "events"))
    interface = export.describe_interface(SimpleNamespace(metadata=metadata, outputs={}))["input"]
    assert interface["context"]["spans"] == [4, 25]
    assert interface["channels"][2] == "load@past.since_on"
