"""A small ensemble with an adaptive weighting, and the windows of a short series with a gap."""

import keras
import numpy as np

from tests.helpers.serving_case import HORIZON, LEAD, LOOKBACK, make_metadata, make_rows, make_task
from tsforecast.data.windows import Windows
from tsforecast.ensemble.model import Ensemble
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.sliding import segments
from tsforecast.models.nlinear import NLinear
from tsforecast.tables.streaming import Rows

ROWS = 160
GAP = slice(60, 64)  # rows whose target is unobserved; inputs are filled
METADATA = ModelMetadata.from_task(make_task(), make_metadata())
ONLINE = {"rate": 0.5, "share": 0.01, "scale": 1.0}


def make_ensemble(weighting):
    """Return two members with random weights."""
    keras.utils.set_random_seed(0)
    members = [NLinear(make_task()) for _ in "ab"]
    settings = ONLINE if weighting == "online" else None
    model = Ensemble(
        make_task(), members, ["a", "b"], weighting, 8, half_lives=(3.0, 20.0), settings=settings
    )
    rng = np.random.default_rng(1)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(size=weight.shape, scale=0.4))
    model.describe(**make_metadata(members=["a", "b"]))
    return model


def make_series():
    """Return times and columns of ``ROWS`` rows."""
    time, columns = make_rows(ROWS)
    columns["load"][GAP] = np.nan
    return time, columns


def make_windows(time, columns):
    """Return all windows of the rows as training makes them."""
    parts = list(segments([Rows(time.astype("datetime64[ns]"), columns)], METADATA, 1))
    inputs = np.concatenate([parts[0].inputs, parts[1].inputs[-1:]])
    scaled = ((columns["load"] - 2.0) / 0.5).astype(np.float32)[:, None]
    truths = np.concatenate([scaled, np.full((LEAD + HORIZON, 1), np.nan, np.float32)])
    return Windows(inputs, truths, np.arange(LOOKBACK - 1, ROWS), LOOKBACK, LEAD, HORIZON, border=(0, ROWS))
