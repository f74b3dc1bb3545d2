"""The profile of block statistics: center and scale per hour of the day, on weekdays and weekends."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tsforecast.monitoring.rounding import to_plain_list

DAY = 86_400
MIN_BLOCKS = 8  # of a slot
MIN_SCALE = 0.25  # of a slot, as a share of the standard deviation over all slots
TO_SIGMA = 1.4826  # median absolute deviation to standard deviation, of a normal distribution


@dataclass(frozen=True)
class Profile:
    """Centers and scales of K statistics in each slot of the week.

    Args:
        slots: Number of slots: 48 (hours of weekdays and weekends), 24, 7 (days of the week) or 1.
        center: Medians ``[slots, K]``.
        scale: Robust standard deviations ``[slots, K]``, above 0; NaN for statistics without a value.

    Example:
        >>> seconds = np.arange(0, 40 * 86_400, 3600)
        >>> profile = Profile.fit(seconds, np.sin(seconds / 86_400 * 2 * np.pi)[:, None])
        >>> profile.slots, float(abs(profile.normalize(seconds, profile.center[profile.slot(seconds)])).max())
        (48, 0.0)
    """

    slots: int
    center: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, seconds: np.ndarray, values: np.ndarray, min_scale: np.ndarray | float = 0.0) -> "Profile":
        """Fit a profile; the number of slots is the largest of which each has enough blocks.

        Args:
            seconds: Local second ``[n]`` at which each block begins.
            values: Statistics ``[n, K]``, NaN where unknown.
            min_scale: Smallest scales ``[K]``.
        """
        slots = next(count for count in (48, 24, 7, 1) if count == 1 or _fits(seconds, count))
        index = _slot(seconds, slots)
        spread = _quiet(np.nanstd, values)
        center, scale = np.empty((2, slots, values.shape[1]))
        overall = _quiet(np.nanmedian, values)
        for slot in range(slots):
            part = values[index == slot]
            middle = _quiet(np.nanmedian, part)
            center[slot] = np.where(np.isnan(middle), overall, middle)
            scale[slot] = TO_SIGMA * _quiet(np.nanmedian, np.abs(part - center[slot]))
        floor = np.maximum(np.maximum(MIN_SCALE * spread, 1e-3 * np.abs(overall)), min_scale)
        scale = np.fmax(scale, np.where(floor > 0, floor, 1e-9))
        return cls(slots, center, np.where(np.isnan(spread), np.nan, scale))

    def slot(self, seconds: np.ndarray) -> np.ndarray:
        """Return the slot of each local second."""
        return _slot(seconds, self.slots)

    def normalize(self, seconds: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return statistics ``[n, K]`` as deviations from the center, in scales."""
        slot = self.slot(seconds)
        normalized: np.ndarray = (values - self.center[slot]) / self.scale[slot]
        return normalized

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "slots": self.slots,
            "center": to_plain_list(self.center),
            "scale": to_plain_list(self.scale),
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Profile":
        """Read what ``to_dict`` returned."""
        center, scale = (np.array(stored[name], np.float64) for name in ("center", "scale"))
        return cls(int(stored["slots"]), center, scale)


def _slot(seconds: np.ndarray, slots: int) -> np.ndarray:
    hour, day = seconds // 3600 % 24, (seconds // DAY + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    if slots == 48:
        return np.asarray(hour + 24 * (day >= 5))
    return np.asarray({24: hour, 7: day, 1: np.zeros_like(day)}[slots])


def _fits(seconds: np.ndarray, slots: int) -> bool:
    """Return whether these slots divide the blocks into parts that are large enough, of which most occur."""
    counts = np.bincount(_slot(seconds, slots), minlength=slots)
    return bool(len(seconds)) and bool((counts >= MIN_BLOCKS).all())


def _quiet(statistic: Any, values: np.ndarray) -> np.ndarray:
    """Return a NaN statistic over the rows, NaN for columns without a value, without NumPy's warnings."""
    result = np.full(values.shape[1], np.nan)
    known = np.isfinite(values).any(axis=0)
    if known.any():
        result[known] = statistic(values[:, known], axis=0)
    return result
