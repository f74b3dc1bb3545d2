"""A series with spikes, and a rule for them."""

import math

import numpy as np

from tsforecast.metrics.spikes import SpikeRule

NAN = math.nan


def rule(**changes) -> SpikeRule:
    return SpikeRule(
        **{"threshold": 1.0, "lead": 1, "min_gap": 3, "tolerance": 1, "rows_per_day": 1440, **changes}
    )


def spiky_case(seed: int, n=600, lead=3, horizon=2):
    """A noisy level with jumps: truth [n, H], origin [n], ends [n]."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.choice([0.0, 0.0, 3.0], size=n // 10 + 5), 10)
    series = level + 0.2 * rng.normal(size=len(level))
    ends = np.arange(n - lead - horizon)
    truth = series[ends[:, None] + lead + np.arange(horizon)]
    return truth, series[ends], ends
