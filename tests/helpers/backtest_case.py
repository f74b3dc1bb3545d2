"""A small backtest: data whose later rows can be changed, and a fitted model that remembers the rows it has seen."""

import dataclasses
import json

import numpy as np
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from tests.helpers.panel_case import make_panel
from tsforecast.config import check, sweepers
from tsforecast.data.series import Series
from tsforecast.installation import CONF
from tsforecast.models.estimator import Estimator

ROWS, LOOKBACK, LEAD, HORIZON, ORIGINS = 700, 6, 3, 2, 3
FIGURES = ("rows", "windows", "metrics", "baselines", "skill", "spikes")


def series(changed_from=None, gap=None):
    """A noisy wave of two features, with other values from row ``changed_from`` on."""
    random = np.random.default_rng(0)
    wave = 10 + np.sin(np.arange(ROWS) / 8)[:, None] + 0.3 * random.standard_normal((ROWS, 2))
    if changed_from is not None:
        wave[changed_from:] = 50 + np.random.default_rng(1).standard_normal((ROWS - changed_from, 2))
    if gap is not None:
        wave[slice(*gap), 0] = np.nan
    time = np.datetime64("2024-01-01", "s") + np.arange(ROWS) * np.timedelta64(600, "s")
    return Series(time, wave, ("load", "pressure"), ("load",), season=50, unit="kW", name="wave")


def panel(changed_from=None):
    """Four series, the last too short to train on, with other values from a step of time on."""
    lengths, starts = (200, 150, 180, 70), (0, 50, 20, 130)
    series = make_panel(lengths=lengths, levels=(1.0, 100.0, -1000.0, 10.0), starts=starts, season=24)
    if changed_from is None:
        return series
    step = (series.time - series.time.min()) // np.timedelta64(3600, "s")
    values = np.where((step >= changed_from)[:, None], 5 * series.values, series.values)
    return dataclasses.replace(series, values=values)


class LeastSquares(Estimator):
    """A linear forecast of the window, its ridge chosen on validation windows."""

    def __init__(self, task):
        super().__init__(task, {})
        self.saw, self.weights = {}, None

    def fit(self, train, val, *, seed, loss, log):
        parts = {"train": train, "val": val}
        self.saw = {name: int(part.ends.max() + part.lead + part.horizon - 1) for name, part in parts.items()}
        x, y = self._inputs(train), train.targets(train.ends)[:, :, 0]
        known = np.isfinite(y).all(axis=1)
        x, y = x[known], y[known]
        tried = [np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y) for ridge in (1.0, 100.0)]
        truth = val.targets(val.ends)[:, :, 0]
        self.weights = min(tried, key=lambda w: np.nanmean((self._inputs(val) @ w - truth) ** 2))
        return 1

    def forecast(self, windows):
        return (self._inputs(windows) @ self.weights)[:, :, None].astype("float32")

    def _inputs(self, windows):
        past = windows.inputs(windows.ends).reshape(len(windows), -1).astype("float64")
        return np.concatenate([past, np.ones((len(past), 1))], axis=1)

    def parameter_rows(self):
        return [{"layer": "weights", "shape": "", "params": self.weights.size}]

    def state(self):
        return {"weights": self.weights.tolist(), "saw": self.saw}

    def restore(self, state):
        self.weights, self.saw = np.array(state["weights"]), state["saw"]


def config_of(refit, *overrides, fitted=True, **data):
    GlobalHydra.instance().clear()
    sweepers.register()
    shape = [f"window.lookback={LOOKBACK}", f"window.lead={LEAD}", f"window.horizon={HORIZON}"]
    backtest = [f"backtest.origins={ORIGINS}", f"backtest.refit={refit}", "backtest.warm_steps=4"]
    budget = [
        "training=quick",
        "training.max_steps=6",
        "training.steps_per_epoch=3",
        "training.supervision=last",
    ]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        given = ["job=backtest", "tracker=none", "model=dlinear", "device.threads=1"]
        config = check(compose("config", overrides=[*given, *shape, *backtest, *budget, *overrides]))
    split = {"train": 0.4, "val": 0.2, "test": 0.4}
    source = {
        "_target_": "tests.helpers.backtest_case.series",
        "split": split,
        "future_covariates": [],
        **data,
    }
    model = {"_target_": "tests.helpers.backtest_case.LeastSquares"} if fitted else config.model
    return dataclasses.replace(config, data=source, model=model)


def origins_of(folder):
    """The figures of each origin, without what a clock gave."""
    files = sorted((folder / "origins").glob("*/origin.json"))
    return [{name: json.loads(file.read_text())[name] for name in FIGURES} for file in files]
