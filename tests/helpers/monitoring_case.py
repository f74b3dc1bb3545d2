"""Two months of rows of a small plant, what monitoring learns from them, and options of the alarms."""

import numpy as np

from tsforecast.monitoring.monitor import Monitor, Promise, Reference
from tsforecast.monitoring.options import AlarmOptions, WebhookOptions
from tsforecast.monitoring.reference import InputReference
from tsforecast.monitoring.truths import ResidualReference, Truths

STEP, DAY = 600, 86_400
FEATURES = ("load", "current", "valve")
TRAINING, SERVICE = 60, 10  # days


def make_rows(days, seed=0, first_day=0):
    """Seconds and values: a load with a daily rhythm, a current that follows it, and a valve that is mostly shut."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(first_day * DAY, (first_day + days) * DAY, STEP)
    load = 5 + np.sin(seconds / DAY * 2 * np.pi) + rng.normal(0, 0.3, len(seconds))
    current = 4 * load + rng.normal(0, 0.2, len(seconds))
    valve = np.where(rng.uniform(size=len(seconds)) < 0.1, np.round(rng.uniform(1, 9, len(seconds))), 0.0)
    return seconds, np.stack([load, current, valve], axis=1)


def local(seconds):
    return seconds


def make_options(**changes):
    webhook = WebhookOptions(
        url=None,
        secret_file=None,
        attempts=3,
        timeout_seconds=1.0,
        min_severity="warning",
        max_per_hour=20,
    )
    options = {
        "enabled": True,
        "false_alarms_per_week": 0.05,
        "missing_rows": 6,
        "missing_share": 0.2,
        "stuck_factor": 1.5,
        "range_factor": 2.0,
        "range_rows": 3,
        "coverage_tolerance": 0.1,
        "error_tolerance": 0.25,
        "anomaly_rate": 0.01,
        "keep": 100,
        "webhook": webhook,
    }
    return AlarmOptions(**{**options, **changes})


def make_reference():
    seconds, values = make_rows(TRAINING)

    def pieces():
        for start in range(0, len(seconds), 1000):
            yield seconds[start : start + 1000], values[start : start + 1000]

    inputs = InputReference.fit(FEATURES, STEP, pieces, int(seconds[-2000]), local)
    residuals = np.random.default_rng(5).normal(0, 0.3, (len(seconds), 1))
    return Reference(inputs, ResidualReference.fit(seconds, residuals, STEP, local))


def make_monitor(reference=None, **changes):
    promise = Promise(("load",), np.array([0.8]), 0.9)
    return Monitor(reference or make_reference(), promise, make_options(**changes), step=STEP, local=local)


def make_truths(days, seed=1, first_day=TRAINING, scale=0.3, bias=0.0):
    """Truths of a forecaster whose forecasts are around 5."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(first_day * DAY, (first_day + days) * DAY, STEP)
    residual = rng.normal(bias, scale, (len(seconds), 1))
    naive = np.abs(rng.normal(0, 0.375, (len(seconds), 1)))
    inside = (np.abs(residual) < 1.645 * 0.3).astype(float)
    forecast = rng.normal(5, 1, residual.shape)
    return Truths(seconds, forecast, residual, naive, inside)
