"""A seeded spiky series of any size, for trials and tests; none of it is measured."""

from collections.abc import Sequence

import numpy as np

from tsforecast.data.calendar_features import DAY_AND_WEEK, calendar
from tsforecast.data.series import (
    Series,
    check_rows,
    pick_features,
    pick_known_ahead,
    pick_targets,
)
from tsforecast.errors import UserError
from tsforecast.times.frequency import Frequency

START = np.datetime64("2020-01-01T00:00:00", "s")
STEP = 60
ALL_ROWS = 100_000  # the default
WARNING = 15  # minutes by which the pressure rises before a spike of the load
MEASURED = ("load", "pressure")


def load(
    rows: int | None = ALL_ROWS,
    seed: int = 0,
    target: str | Sequence[str] = "load",
    features: Sequence[str] | None = None,
    spikes_per_day: float = 12.0,
    noise: float = 0.1,
    missing: float = 0.01,
    known_ahead: Sequence[str] = (),
) -> Series:
    """Draw a minutely load with a daily wave, slow noise and spikes, each announced by a pressure.

    ``load = 1 + wave of the day + slow noise + spikes``; a spike starts at a random minute, is 1 to 4 units high and
    decays with a time constant of 5 minutes. ``pressure`` jumps 15 minutes before each spike, by its height, and decays
    likewise, so that a forecaster with a lead below 15 can see it come.

    Args:
        rows: minutes, at least 2; None for 100,000.
        seed: of all that is random, 0 or more.
        target: ``load``, ``pressure``, a list or ``"all"``.
        features: which to feed in; None for all six.
        spikes_per_day: mean number, 0 or more.
        noise: standard deviation of the slow noise, 0 or more.
        missing: share of the minutes without a measurement, 0 to below 1.
        known_ahead: ``pressure``, to declare it known.

    Returns:
        float32 values; the same arguments give the same series.

    Raises:
        UserError: if an argument is out of its range or a name is unknown.
    """
    rows = ALL_ROWS if rows is None else rows
    check_rows(rows)
    _check_ranges(rows, seed, spikes_per_day, noise, missing)
    targets = pick_targets(target, MEASURED)
    chosen = pick_features(features, targets, MEASURED + DAY_AND_WEEK)
    time = START + np.arange(rows) * np.timedelta64(STEP, "s")
    values = np.empty((rows, 6), np.float32)
    values[:, :2] = _draw_values(rows, np.random.default_rng(seed), spikes_per_day, noise, missing)
    values[:, 2:] = calendar(time, DAY_AND_WEEK)
    if len(chosen) < values.shape[1]:
        values = values[:, [(MEASURED + DAY_AND_WEEK).index(name) for name in chosen]]
    return Series(
        time=time,
        values=values,
        features=chosen,
        targets=targets,
        season=Frequency(STEP).season,
        known_ahead=pick_known_ahead(known_ahead, chosen),
        name="synthetic",
    )


def _draw_values(
    rows: int, random: np.random.Generator, spikes_per_day: float, noise: float, missing: float
) -> np.ndarray:
    minute = np.arange(rows)
    decay = np.exp(-np.arange(40) / 5).astype(np.float32)
    starts = random.random(rows) < spikes_per_day / 1440
    height = np.where(starts, random.uniform(1, 4, rows), 0).astype(np.float32)
    spikes = np.convolve(height, decay)[:rows]
    announced = np.concatenate([height[WARNING:], np.zeros(min(WARNING, rows), np.float32)])[:rows]
    # A first-order autoregression (0.95 a minute), as a convolution: a loop over the rows would be slow.
    memory = 0.95 ** np.arange(120, dtype=np.float32)
    shocks = random.standard_normal(rows, np.float32) * np.float32(np.sqrt(1 - 0.95**2))
    slow = noise * np.convolve(shocks, memory)[:rows]
    wave = 0.5 * np.sin(2 * np.pi * (minute % 1440) / 1440 - np.pi / 2)
    load_ = 1 + wave + slow + spikes
    pressure = np.convolve(announced, decay)[:rows] + 0.05 * random.standard_normal(rows, np.float32)
    values = np.stack([load_, pressure], axis=1).astype(np.float32)
    values[random.random(rows) < missing] = np.nan
    return values


def _check_ranges(rows: int, seed: int, spikes_per_day: float, noise: float, missing: float) -> None:
    if rows < 2:
        raise UserError(f"data.rows (or scale.rows) is {rows}: a series needs at least 2.")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise UserError(f"data.seed is {seed!r}: give a whole number of at least 0.")
    if not 0 <= spikes_per_day <= 1440:
        raise UserError(f"data.spikes_per_day is {spikes_per_day!r}: give a number from 0 to 1440.")
    if not 0 <= noise < float("inf"):
        raise UserError(f"data.noise is {noise!r}: give a number of at least 0.")
    if not 0 <= missing < 1:
        raise UserError(f"data.missing is {missing!r}: give a share from 0 to below 1.")
