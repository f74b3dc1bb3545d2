"""Small series for the data tests."""

import numpy as np

from tsforecast.data.series import Series

START = np.datetime64("2024-01-01T00:00:00", "s")


def make_series(
    rows=120, features=("load", "pressure"), targets=("load",), seed=0, step=60, **fields
) -> Series:
    """Returns a series of standard normal values with nothing missing."""
    values = fields.pop("values", None)
    if values is None:
        values = np.random.default_rng(seed).standard_normal((rows, len(features)))
    time = START + np.arange(len(values)) * np.timedelta64(step, "s")
    return Series(time, values, tuple(features), tuple(targets), season=fields.pop("season", 10), **fields)
