"""Faults and anomalies that are planted in household power, as its sensors would report them."""

import numpy as np

# Smallest steps of the sensors: kW, kVAr, V, A, Wh.
RESOLUTION = np.array([0.001, 0.001, 0.01, 0.1, 1.0, 1.0, 1.0])
FAULTS = {
    "10 % shift": "all values are 10 % higher",
    "unit x1000": "all values are 1000 times larger, as W instead of kW",
    "unit /1000": "all values are 1000 times smaller, as kW instead of W",
    "stuck": "the first value repeats",
    "doubled noise": "deviations from the mean of an hour are doubled",
    "30 % missing": "three of ten values are missing, at random",
    "missing": "all values are missing",
}
SMOOTHING = 61  # rows of the mean that noise is measured from
ANOMALIES = ("spike", "dropout", "shift", "flat", "noise")


def plant_fault(name, values, around, feature, rng):
    """Return rows ``[n, F]`` with a fault in one feature.

    ``around`` has half of ``SMOOTHING`` rows more on each side, for the mean that noise is measured from.
    """
    values = values.copy()
    column = values[:, feature]
    if name == "10 % shift":
        column *= 1.1
    elif name == "unit x1000":
        column *= 1000.0
    elif name == "unit /1000":
        column /= 1000.0
    elif name == "stuck":
        column[:] = column[np.isfinite(column)][0]
    elif name == "doubled noise":
        mean = np.convolve(np.nan_to_num(around[:, feature]), np.ones(SMOOTHING) / SMOOTHING, "valid")
        step = RESOLUTION[feature]
        column[:] = np.maximum(np.round((mean + 2 * (column - mean)) / step) * step, 0.0)
    elif name == "30 % missing":
        column[rng.uniform(size=len(column)) < 0.3] = np.nan
    elif name == "missing":
        column[:] = np.nan
    else:
        raise ValueError(name)
    return values


def plant_anomalies(values, per_day, rng, rows_per_day=1440):
    """Return a column ``[n]`` with short anomalies, one kind after the other, and their labels ``[n]``."""
    values, labels = values.copy(), np.zeros(len(values), bool)
    count = int(len(values) / rows_per_day * per_day)
    slot = len(values) // count
    for index in range(count):
        kind = ANOMALIES[index % len(ANOMALIES)]
        length = int(rng.integers(1, 4) if kind in ("spike", "dropout") else rng.integers(30, 91))
        start = index * slot + int(rng.integers(0, slot - length))
        part = values[start : start + length]
        if not np.isfinite(part).all():
            continue
        if kind == "spike":
            part += rng.uniform(2.0, 6.0)
        elif kind == "dropout":
            part[:] = 0.0
        elif kind == "shift":
            part += rng.uniform(1.0, 2.0)
        elif kind == "flat":
            part[:] = part[0]
        else:
            part[:] = np.maximum(part + rng.normal(0.0, 0.5, length), 0.0)
        labels[start : start + length] = True
    return np.round(values, 3), labels
