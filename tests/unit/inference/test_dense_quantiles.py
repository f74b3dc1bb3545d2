"""Quantiles in chunks are those of all windows at once, in the target's unit."""

import numpy as np
from scipy import stats

from tsforecast.data.scaling import Scaler
from tsforecast.inference import dense_quantiles
from tsforecast.models.task import Task


def test_chunks_are_parts_of_the_whole_in_the_targets_unit(monkeypatch):
    task = Task(4, 1, 1, 2, (0,), quantile_levels=(0.5,), distribution={"name": "normal"})
    scaler, levels = Scaler(np.array([10.0]), np.array([2.0]), (0,)), [0.1, 0.5, 0.9]
    parameters = np.abs(np.random.default_rng(0).normal(size=(7, 2, 1, 2))).astype("float32")
    monkeypatch.setattr(dense_quantiles, "CHUNK", 2 * 3 * 3)
    parts = list(dense_quantiles.quantile_chunks(task, parameters, levels, scaler))
    assert [(part.start, part.stop) for part, _ in parts] == [(0, 3), (3, 6), (6, 9)]
    exact = 10 + 2 * stats.norm.ppf(levels, parameters[..., :1], parameters[..., 1:])
    np.testing.assert_allclose(np.concatenate([values for _, values in parts]), exact, rtol=1e-5)
