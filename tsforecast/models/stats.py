"""Statistical models of StatsForecast, fitted to each window by itself."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import numpy as np

from tsforecast.data.windows import Windows
from tsforecast.errors import UserError, install_hint
from tsforecast.models.estimator import Estimator
from tsforecast.models.protocol import ParameterRow
from tsforecast.models.task import Task
from tsforecast.options import Range

if TYPE_CHECKING:
    from tsforecast.losses import Loss

METHODS = {"auto_ets": "AutoETS", "theta": "Theta", "mstl": "MSTL"}
CHUNK = 1024  # windows gathered at once


class LocalModel(Protocol):
    """A model of StatsForecast."""

    def forecast(self, y: np.ndarray, h: int, level: list[int | float] | None) -> dict[str, np.ndarray]:
        """Fit the model to a history, and return the mean and the borders of central intervals ``[h]`` each."""


class Stats(Estimator):
    """A local model of StatsForecast for each window and target, fitted to the target's own history.

    There is nothing to train: every forecast fits a model to the ``lookback`` steps of its window, so that a split of
    many windows takes time. Other channels are not read. The quantiles are those of the model's own intervals.

    Args:
        task: Inputs and outputs of the model.
        method: ``auto_ets`` (exponential smoothing, chosen by AICc), ``theta`` or ``mstl`` (seasons by LOESS, the
            trend by AutoETS).
        season: Steps in a season; None for that of the data if the window has two of them, else 1.

    Raises:
        UserError: The method is unknown; with ``check`` and ``forecast``, StatsForecast is not installed.

    Source: Hyndman et al. (2008), Forecasting with Exponential Smoothing; Assimakopoulos & Nikolopoulos (2000), The
        theta model; Bandara et al. (2021), MSTL; by StatsForecast (Garza et al. 2022).
    """

    def __init__(self, task: Task, method: str = "auto_ets", season: Annotated[int | None, Range(1)] = None):
        if method not in METHODS:
            raise UserError(f"model.method={method} is not one of {', '.join(METHODS)}.")
        super().__init__(task, {"method": method, "season": season})

    def check(self, loss: Loss) -> None:
        _library()

    def fit(self, train: Windows, val: Windows, *, seed: int, loss: Loss, log: Callable[[str], None]) -> int:
        """Leave everything to the forecasts, and return the number of rounds, 0."""
        self.check(loss)
        log(f"{self.options['method']} is fitted to each window by itself, {len(val):,} for validation.")
        return 0

    def forecast(self, windows: Windows) -> np.ndarray:
        """Return the forecasts float32 ``[n, H, T(, Q)]``, scaled; the last value where no model can be fitted."""
        task, model = self.task, self._create()
        tail = () if task.quantile_levels is None else (len(task.quantile_levels),)
        result = np.empty((len(windows), task.horizon, len(task.target_indices), *tail), np.float32)
        for first in range(0, len(windows), CHUNK):
            inputs = windows.inputs(windows.ends[first : first + CHUNK])
            for row, window in enumerate(inputs, start=first):
                for target, channel in enumerate(task.target_indices):
                    result[row, :, target] = self._forecast_history(model, window[:, channel])
        return result

    def _forecast_history(self, model: LocalModel, history: np.ndarray) -> np.ndarray:
        """Return the forecast of one history ``[L]``: ``[H(, Q)]``."""
        task, levels = self.task, self.task.quantile_levels
        history = history.astype(np.float64)
        last = np.full((task.horizon, len(levels or [0.5])), history[-1])
        if np.ptp(history) > 0:
            widths = sorted({_width(level) for level in levels or () if level != 0.5})
            try:
                output = model.forecast(y=history, h=task.lead + task.horizon - 1, level=widths or None)
            except (ValueError, ZeroDivisionError, np.linalg.LinAlgError):  # a history that has no such model
                output = {}
            if output:
                columns = [output[_name(level)] for level in levels or (0.5,)]
                values = np.stack(columns, axis=-1)[task.lead - 1 :]
                last = np.where(np.isfinite(values), values, last)
        return last[:, 0] if levels is None else np.sort(last, axis=-1)

    def _create(self) -> LocalModel:
        model: LocalModel = getattr(_library(), METHODS[self.options["method"]])(season_length=self.season)
        return model

    @property
    def season(self) -> int:
        """Steps in a season."""
        if self.options["season"] is not None:
            return int(self.options["season"])
        return self.task.season if 2 * self.task.season <= self.task.lookback else 1

    def parameter_rows(self) -> list[ParameterRow]:
        """Return no row: the parameters are those of each window."""
        return []

    def state(self) -> dict[str, Any]:
        """Return nothing, since nothing is learned."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Set nothing."""


def _width(level: float) -> int | float:
    """Return the central interval in percent whose border is a quantile, as StatsForecast names it.

    Example:
        >>> _width(0.1), _width(0.95), _width(0.01)
        (80, 90, 98)
    """
    width = round(100 * abs(1 - 2 * level), 6)
    return int(width) if width == int(width) else width


def _name(level: float) -> str:
    """Return the column of a quantile in the output of StatsForecast."""
    if level == 0.5:
        return "mean"
    return f"{'lo' if level < 0.5 else 'hi'}-{_width(level)}"


def _library() -> ModuleType:
    try:
        from statsforecast import models
    except ImportError as error:
        raise UserError(f"model=stats needs StatsForecast ({error}): {install_hint('stats')}.") from error
    return models
