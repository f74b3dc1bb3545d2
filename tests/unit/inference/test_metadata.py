"""What a saved model says of its inputs and outputs."""

import numpy as np
import pytest

from tests.helpers.serving_case import CHANNELS, make_metadata, make_task
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata


def test_metadata_that_lacks_something_is_refused():
    with pytest.raises(UserError, match="lacks step_seconds, scaler"):
        ModelMetadata.from_task(make_task(), {"channels": CHANNELS, "targets": ["load"]})


def test_any_source_may_declare_a_derived_channel():
    names = ["total", "heating", "rest"]
    stored = make_metadata(
        channels=names, targets=names[:1], derived={"rest": {"total": 2.0, "heating": -1.0}}
    )
    stored["scaler"] = {"mean": [0.0] * 3, "scale": [1.0] * 3, "target_indices": [0]}
    metadata = ModelMetadata.from_task(make_task(channels=3), stored)
    assert metadata.features == ("total", "heating")
    time = np.array(["2024-01-01"], "datetime64[s]")
    rows = metadata.rows(time, {"total": np.array([6.0]), "heating": np.array([1.0])})
    np.testing.assert_array_equal(rows, [[6.0, 1.0, 11.0]])


def test_a_model_without_derived_channels_needs_every_channel():
    names = ["global_active_power", "sub_metering_1", "sub_metering_2", "sub_metering_3", "unmetered_energy"]
    stored = make_metadata(channels=names, targets=names[:1], derived={})
    stored["scaler"] = {"mean": [0.0] * 5, "scale": [1.0] * 5, "target_indices": [0]}
    assert ModelMetadata.from_task(make_task(channels=5), stored).features == tuple(names)


def test_a_derived_channel_is_computed_where_it_is_not_given():
    """Also in files of version 0.1, which do not declare it."""
    names = ["global_active_power", "sub_metering_1", "sub_metering_2", "sub_metering_3", "unmetered_energy"]
    stored = make_metadata(channels=names, targets=names[:1])
    stored["scaler"] = {"mean": [0.0] * 5, "scale": [1.0] * 5, "target_indices": [0]}
    metadata = ModelMetadata.from_task(make_task(channels=5), stored)
    assert metadata.features == tuple(names[:4])
    time = np.array(["2024-01-01"], "datetime64[s]")
    columns = dict(zip(names, np.array([[6.0], [1.0], [2.0], [3.0]]), strict=False))
    assert metadata.rows(time, columns)[0, 4] == pytest.approx(6 * 1000 / 60 - 6)
    assert metadata.rows(time, {**columns, "unmetered_energy": np.array([5.0])})[0, 4] == 5
    with pytest.raises(UserError, match="feature 'sub_metering_3' is missing"):
        metadata.check_features(names[:3], "here")
