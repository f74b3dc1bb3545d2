"""An ensemble's forecasts of a stream are those of its own pass over all windows."""

import numpy as np
import pytest

from tests.helpers.ensemble_case import ROWS, make_ensemble, make_series, make_windows
from tsforecast.ensemble.streaming import StreamingEnsemble
from tsforecast.inference.predict import predict
from tsforecast.inference.predictor import Predictor
from tsforecast.inference.sliding import segments
from tsforecast.tables.streaming import Rows


@pytest.fixture(scope="module", params=["gating", "online"])
def case(request):
    """The series, a model with its predictor, and the forecasts of all windows at once."""
    time, columns = make_series()
    model = make_ensemble(request.param)
    expected = predict(model, make_windows(time, columns), in_time=True)
    assert expected["weights"].std(axis=0).max() > 0.01  # they do move
    return (time.astype("datetime64[ns]"), columns), model, Predictor(model, sizes=(1, 16)), expected


@pytest.mark.parametrize("size", [13, 40, 1000])
def test_along_a_stream(case, size):
    (time, columns), model, predictor, expected = case
    parts = [slice(first, first + size) for first in range(0, ROWS, size)]
    stream = [Rows(time[part], {name: values[part] for name, values in columns.items()}) for part in parts]
    ensemble, results = StreamingEnsemble(model, predictor), []
    for segment in segments(stream, predictor.metadata, 1):
        ensemble.observe(segment)
        if len(segment.ends):
            results.append(ensemble.forecasts(segment))
    weights = np.concatenate([part.weights for part in results])
    values = np.concatenate([part.values for part in results])
    assert np.allclose(weights, expected["weights"], atol=1e-5)
    assert np.allclose(values, expected["forecast"] * 0.5 + 2.0, atol=1e-5)
