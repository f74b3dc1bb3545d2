"""An ensemble's weights along a stream and in service are those that its own walk through time gives."""

import keras
import numpy as np
import pytest

from tests.helpers.serving_case import HORIZON, LEAD, LOOKBACK, make_metadata, make_rows, make_task
from tsforecast.data.windows import Windows
from tsforecast.ensemble.model import Ensemble
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.predictor import Predictor
from tsforecast.inference.sliding import stretches
from tsforecast.inference.streaming_ensemble import InService, StreamingEnsemble
from tsforecast.models.nlinear import NLinear
from tsforecast.serving.stream import Batch

ROWS = 160
METADATA = ModelMetadata.from_task(make_task(), make_metadata())


def make_ensemble(weighting):
    keras.utils.set_random_seed(0)
    members = [NLinear(make_task()) for _ in "ab"]
    options = {"rate": 0.5, "share": 0.01, "scale": 1.0} if weighting == "online" else None
    model = Ensemble(make_task(), members, ["a", "b"], weighting, 8, half_lives=(3.0, 20.0), online=options)
    rng = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(size=weight.shape, scale=0.4))
    model.describe(**make_metadata(members=["a", "b"]))
    return model


@pytest.fixture(scope="module")
def rows():
    time, columns = make_rows(ROWS)
    columns["load"][60:64] = np.nan  # unobserved, and filled for inputs
    return time, columns


@pytest.fixture(scope="module")
def windows(rows):
    """All windows of the rows as training makes them."""
    batch = Batch(rows[0].astype("datetime64[ns]"), rows[1])
    whole = list(stretches([batch], METADATA, 1))
    inputs = np.concatenate([whole[0].inputs, whole[1].inputs[-1:]])
    scaled = ((rows[1]["load"] - 2.0) / 0.5).astype(np.float32)[:, None]
    truths = np.concatenate([scaled, np.full((LEAD + HORIZON, 1), np.nan, np.float32)])
    ends = np.arange(LOOKBACK - 1, ROWS)
    return Windows(inputs, truths, ends, LOOKBACK, LEAD, HORIZON, border=(0, ROWS))


@pytest.fixture(scope="module", params=["gating", "online"])
def case(request, windows):
    """The model, its predictor, and what it says of all windows when it walks through time itself."""
    from tsforecast.inference.predict import predict

    model = make_ensemble(request.param)
    found = predict(model, windows, in_time=True)
    assert found["weights"].std(axis=0).max() > 0.01  # they do move
    return model, Predictor(model, sizes=(1, 16)), found


@pytest.mark.parametrize("size", [13, 40, 1000])
def test_along_a_stream(case, rows, size):
    model, predictor, wanted = case
    time, columns = rows[0].astype("datetime64[ns]"), rows[1]
    parts = [slice(first, first + size) for first in range(0, ROWS, size)]
    stream = [Batch(time[part], {name: values[part] for name, values in columns.items()}) for part in parts]
    along, found = StreamingEnsemble(model, predictor), []
    for stretch in stretches(stream, predictor.metadata, 1):
        along.observe(stretch)
        if len(stretch.ends):
            found.append(along.forecasts(stretch))
    weights = np.concatenate([part.weights for part in found])
    values = np.concatenate([part.values for part in found])
    assert np.allclose(weights, wanted["weights"], atol=1e-5)
    assert np.allclose(values, wanted["forecast"] * 0.5 + 2.0, atol=1e-5)


def test_in_service(case, rows, windows):
    model, predictor, wanted = case
    time, load = rows[0], rows[1]["load"]
    following, found = InService(model, predictor.metadata), []
    before = [weight.numpy() for weight in model.weights]
    for end in windows.ends:
        if not np.isnan(load[end]):
            following.observe(int(time[end].astype(int)), 0, load[end])
        said = predictor(windows.inputs(np.array([end])))
        following.forecast(time[end : end + 1], said.members, said.weights)
        found.append(said.weights[0])
    again = InService(model, predictor.metadata)
    again.restore(following.state())
    assert again.state() == following.state()
    for weight, value in zip(model.weights, before, strict=True):
        weight.assign(value)
    # The same until a truth is missing; windows whose last truth never comes are left out in service.
    known = 60 - LOOKBACK
    assert np.allclose(np.array(found)[:known], wanted["weights"][:known], atol=1e-4)
    assert np.abs(np.array(found) - wanted["weights"]).mean() < 0.02


def test_nothing_is_learned_before_the_last_truth_is_in():
    model = make_ensemble("gating")
    following = InService(model, METADATA)
    following.forecast(
        np.array(["2024-01-01T00:00:00"], "datetime64[s]"), np.zeros((1, 2, HORIZON, 1)), np.full((1, 2), 0.5)
    )
    start = int(np.datetime64("2024-01-01T00:00:00", "s").astype(int))
    following.observe(start + 60 * LEAD, 0, 2.5)
    assert following.learned == 0
    following.observe(start + 60 * (LEAD + HORIZON - 1), 0, 2.5)
    assert following.learned == 1
    assert following.means[:, 0] == pytest.approx([1 - 0.5 ** (1 / 3)] * 2)
