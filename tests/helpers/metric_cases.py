"""Truths and forecasts, with plain-loop oracles for their metrics."""

import math

import numpy as np

NAN = math.nan


def column(*values: float) -> np.ndarray:
    """Values as [n, 1, 1]."""
    return np.array(values, dtype=np.float64).reshape(-1, 1, 1)


def random_case(seed: int, n=7, horizon=3, targets=2, missing=0.3):
    rng = np.random.default_rng(seed)
    truth = rng.normal(5, 2, (n, horizon, targets))
    forecast = truth + rng.normal(0.2, 1, truth.shape)
    truth[rng.random(truth.shape) < missing] = NAN
    return truth, forecast


def observed_pairs(truth, forecast, keep=lambda i, h, t: True):
    return [
        (truth[i, h, t], forecast[i, h, t])
        for i in range(truth.shape[0])
        for h in range(truth.shape[1])
        for t in range(truth.shape[2])
        if not math.isnan(truth[i, h, t]) and keep(i, h, t)
    ]


def loop_mae(pairs):
    return sum(abs(f - y) for y, f in pairs) / len(pairs) if pairs else NAN


def loop_rmse(pairs):
    return math.sqrt(sum((f - y) ** 2 for y, f in pairs) / len(pairs)) if pairs else NAN


def loop_r2(pairs):
    mean = sum(y for y, _ in pairs) / len(pairs)
    return 1 - sum((f - y) ** 2 for y, f in pairs) / sum((y - mean) ** 2 for y, _ in pairs)
