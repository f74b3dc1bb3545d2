"""A small ensemble to export, and what the service computes with it."""

import keras
import numpy as np

from tests.helpers.serving_case import CHANNELS, LOOKBACK, make_metadata, make_task
from tsforecast.ensemble.model import Ensemble
from tsforecast.export.graph import original_function
from tsforecast.export.parity import Sample, run_sample
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.models.gru import GRU
from tsforecast.models.spike_detector import SpikeDetector


def make_ensemble(**task):
    """A GRU and a spike detector, which hold every layer that the other networks have, with weights of a gate."""
    keras.utils.set_random_seed(3)
    task = make_task(**task)
    statistics = {"channels": [0], "spans": [3, 5], "edges": [[-1.0, 0.0, 0.5, 2.0]], "units": 4}
    options = {"causal": True, "backward_steps": 3, "statistics": statistics}
    detector = SpikeDetector(task, filters=4, heads=2, units=4, dense_units=[4], **options)
    members = [GRU(task, units=[4, 4], dense_units=[4]), detector]
    model = Ensemble(task, members, ["gru", "spike_detector"], gate_units=4, thresholds=[0.5])
    model.describe(**make_metadata(members=["gru", "spike_detector"]))
    return model


def make_case():
    """An ensemble, its metadata, a sample of windows, and what the service computes for them."""
    model = make_ensemble()
    metadata = ModelMetadata.from_model(model)
    draw = np.random.default_rng(0)
    values = draw.normal(size=(3, LOOKBACK, len(CHANNELS))) * metadata.scaler.scale + metadata.scaler.mean
    sample = Sample(values.astype(np.float32), draw.normal(size=(3, 2, 1)))
    return model, metadata, sample, run_sample(original_function(model, metadata), sample)
