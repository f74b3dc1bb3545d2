"""A small series as data frames, and options with which it is trained in seconds."""

import numpy as np
import pandas as pd

OPTIONS = {
    "training": "quick",
    "device": "cpu",
    "window.lookback": 24,
    "window.lead": 1,
    "window.horizon": 4,
    "training.warmup_steps": 5,
    "training.max_steps": 6,
    "training.steps_per_epoch": 3,
}


def hourly_frame(rows=600, start="2024-01-01"):
    """A daily wave with noise, and a feature that says nothing."""
    rng = np.random.default_rng(0)
    wave = np.sin(np.arange(rows) * 2 * np.pi / 24) + rng.normal(0, 0.1, rows)
    times = pd.date_range(start, periods=rows, freq="h")
    return pd.DataFrame({"time": times, "load": wave, "humidity": rng.normal(size=rows)})


def as_words(options):
    """The options as a command line has them."""
    return [f"{key}={value}" for key, value in options.items()]
