"""Naive forecasts that need no training, and what models are measured against with them."""

import numpy as np
import numpy.typing as npt

from tsforecast.metrics.arrays import Array, Rows, mean_observed


def persistence_forecast(filled: Array, ends: Rows, horizon: int) -> Array:
    """Forecast every step as the value at the window's last input row.

    Args:
        filled: ``[N, T]`` without NaN (filled causally).
        ends: ``[n]`` last input rows.
        horizon: Steps, at least 1.

    Returns:
        ``[n, H, T]`` in the unit of ``filled``.

    Example:
        >>> persistence_forecast(np.array([[1.0], [2.0], [3.0]]), np.array([1]), horizon=2).ravel().tolist()
        [2.0, 2.0]
    """
    return np.repeat(filled[np.asarray(ends)][:, None, :], horizon, axis=1)


def seasonal_steps_back(lead: int, horizon: int, season: int) -> npt.NDArray[np.int64]:
    """Return how many steps before the window's last input the seasonal naive forecast of each step is read.

    This is the latest known value that is a whole number of seasons before the step.

    Args:
        lead: Steps from the last input to the first target, at least 1.
        horizon: Steps, at least 1.
        season: Steps of one season, at least 1.

    Returns:
        ``[H]``, each at least 0.

    Raises:
        ValueError: ``season`` is below 1.

    Example:
        >>> seasonal_steps_back(lead=2, horizon=3, season=3).tolist()
        [1, 0, 2]
    """
    _check_season(season)
    steps = lead + np.arange(horizon)
    return season * -(-steps // season) - steps  # -(-a // b) rounds up


def seasonal_naive_forecast(
    filled: Array, ends: Rows, lead: int, horizon: int, season: int, first: Rows | int = 0
) -> Array:
    """Forecast each step as the value at the same time in the latest season that is known by then.

    Where that is before the first row, the last input is used instead.

    Args:
        filled: ``[N, T]`` without NaN (filled causally).
        ends: ``[n]`` last input rows.
        lead: Steps from the last input to the first target, at least 1.
        horizon: Steps, at least 1.
        season: Rows of one season, at least 1.
        first: The first row of the series; of many series, ``[n]`` that of the series of each window.

    Returns:
        ``[n, H, T]`` in the unit of ``filled``.

    Raises:
        ValueError: ``season`` is below 1.

    Example:
        >>> day = np.array([[1.0], [2.0], [3.0], [4.0]])
        >>> seasonal_naive_forecast(day, np.array([3]), lead=1, horizon=2, season=4).ravel().tolist()
        [1.0, 2.0]
    """
    ends = np.asarray(ends)[:, None]
    rows = ends - seasonal_steps_back(lead, horizon, season)
    return filled[np.where(rows >= np.asarray(first).reshape(-1, 1), rows, ends)]


def seasonal_scale(training_values: Array, season: int) -> npt.NDArray[np.float64]:
    """Return the denominator of MASE: each target's mean absolute seasonal naive error on training rows.

    Args:
        training_values: ``[N, T]`` in the target's unit, NaN where unobserved; only observed pairs count.
        season: Rows of one season, at least 1.

    Returns:
        ``[T]`` in the target's unit, NaN where no pair of rows one season apart is observed.

    Raises:
        ValueError: ``season`` is below 1.

    Example:
        >>> seasonal_scale(np.array([[1.0], [2.0], [4.0]]), season=1).tolist()
        [1.5]
    """
    _check_season(season)
    values = np.asarray(training_values, np.float64)
    difference = np.abs(values[season:] - values[:-season])
    return mean_observed(difference, ~np.isnan(difference), axis=0)


def skill(rmse: float, baseline_rmse: float) -> float:
    """Return ``1 - rmse / baseline_rmse``: 0 equals the baseline, 1 is perfect; NaN for a baseline without error.

    Example:
        >>> skill(0.75, 1.0), skill(0.75, 0.0)
        (0.25, nan)
    """
    return 1.0 - rmse / baseline_rmse if baseline_rmse > 0 else float("nan")


def _check_season(season: int) -> None:
    if season < 1:
        raise ValueError(f"season is {season}, expected at least 1 row")
