"""Seconds of a grid as local ones, of which hours and weekdays are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tsforecast.monitoring.reference import Local
    from tsforecast.times.clock import Clock


def local_seconds(clock: Clock) -> Local:
    """Return the function that turns seconds ``[n]`` of a grid with this clock into local ones.

    Example:
        >>> from tsforecast.times.clock import Clock
        >>> local_seconds(Clock("Europe/Paris", is_utc=True))(np.array([0])).tolist()
        [3600]
    """

    def convert(seconds: np.ndarray) -> np.ndarray:
        local = clock.local(seconds.astype("datetime64[s]"))
        return np.asarray(local.astype("datetime64[s]").astype(np.int64))

    return convert
