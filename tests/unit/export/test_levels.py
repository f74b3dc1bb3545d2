import csv

import numpy as np

from tests.helpers.panel_case import make_panel
from tests.helpers.serving_case import make_metadata, make_task
from tsforecast.data.dataset import build_dataset
from tsforecast.export.levels import FILE, RELATIVE, describe_levels, relative_metadata, write_levels
from tsforecast.export.parity import Sample
from tsforecast.inference.metadata import ModelMetadata, describe_data
from tsforecast.models.persistence import Persistence
from tsforecast.models.task import Task

WINDOW = {"lookback": 6, "lead": 1, "horizon": 2, "stride": 1, "split": {"train": 0.7, "val": 8, "test": 8}}


def make_case(**fields):
    dataset = build_dataset(make_panel(**fields), **WINDOW)
    model = Persistence(Task.from_dataset(dataset))
    model.describe(**describe_data(dataset))
    return dataset, model, ModelMetadata.from_model(model)


def test_values_of_a_file_become_inputs_by_the_levels_next_to_it(tmp_path):
    dataset, model, metadata = make_case()
    assert write_levels(model, tmp_path) == describe_levels(metadata)
    with (tmp_path / FILE).open() as file:
        rows = {row["series"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["a", "b", "c"]
    assert describe_levels(metadata)["levels"]["channels"] == ["load"]
    windows = dataset.windows("test", limit=10)
    sample = Sample.from_dataset(dataset, 10)
    for end, values in zip(windows.ends, sample.values, strict=True):
        level = rows["abc"[int(dataset.series.series_of(np.array([end]))[0])]]
        given = dataset.series.values[end - 5 : end + 1, 0]
        relative = (given - float(level["shift"])) / float(level["width"])
        np.testing.assert_allclose(values[:, 0], relative, rtol=1e-4, atol=1e-5)
    scaler = relative_metadata(metadata).scaler
    np.testing.assert_allclose(scaler.transform(sample.values), windows.inputs(windows.ends), atol=1e-6)
    assert relative_metadata(metadata).unit == RELATIVE


def test_one_series_has_no_levels(tmp_path):
    model = Persistence(make_task())
    model.describe(**make_metadata())
    assert write_levels(model, tmp_path) == {}
    assert not list(tmp_path.iterdir())
    metadata = ModelMetadata.from_model(model)
    assert relative_metadata(metadata) is metadata
