"""Data with spikes, and a model whose forecasts are the truth plus a constant error."""

import numpy as np

from tsforecast.data.dataset import build_dataset
from tsforecast.data.series import Series
from tsforecast.models.estimator import Estimator
from tsforecast.models.task import Task

LEAD, HORIZON = 3, 2


def dataset(targets=("load",), unit="kW"):
    rng = np.random.default_rng(0)
    rows = 3000
    jumps = np.repeat(rng.choice([0.0, 0.0, 4.0], size=rows // 15), 15)
    load = 10 + jumps + 0.1 * rng.normal(size=rows)
    load[2700] = np.nan
    other = 5 + np.roll(jumps, 7) + 0.1 * rng.normal(size=rows)
    series = Series(
        time=np.datetime64("2024-01-01", "s") + 60 * np.arange(rows),
        values=np.stack([load, other], axis=1),
        features=("load", "other"),
        targets=targets,
        season=1440,
        unit=unit,
    )
    split = {"train": 0.5, "val": 0.25, "test": 0.25}
    return build_dataset(series, lookback=5, lead=LEAD, horizon=HORIZON, stride=1, split=split)


class TruthPlus(Estimator):
    """A model whose forecasts ``[n, H, T(, Q)]`` are the truth plus a constant error ``add``."""

    def __init__(self, data, add, levels=None, threshold=2.0):
        count = len(data.target_indices)
        self.task = Task(5, 2, LEAD, HORIZON, data.target_indices, quantile_levels=levels)
        self.metadata = {"spike": {"threshold": [threshold] * count}}
        self.add, self.asked = add, []

    def forecast(self, windows):
        self.asked.append((int(windows.ends[0]), int(windows.ends[-1])))
        truth = np.nan_to_num(windows.targets(windows.ends))
        return (truth if self.task.quantile_levels is None else truth[..., None]) + self.add
