"""Calendar features: functions of the time alone, and so known for any future."""

import numpy as np

CALENDAR = ("minute_of_day_sin", "minute_of_day_cos", "day_of_week_sin", "day_of_week_cos")


def calendar(time: np.ndarray) -> np.ndarray:
    """Return sine and cosine of the minute of the day and of the day of the week.

    Args:
        time: ``[N]`` datetime64[s].

    Returns:
        ``[N, 4]`` float32 in -1..1, columns as named in ``CALENDAR``; the week starts on Monday.
    """
    minute = time.astype("datetime64[m]").astype("int64")
    out = np.empty((len(time), 4), np.float32)
    # 1970-01-01 was a Thursday, the fourth day of its week. The two tables hold every value that can occur.
    for column, (index, period) in enumerate(((minute % 1440, 1440), ((minute // 1440 + 3) % 7, 7))):
        angle = 2 * np.pi * np.arange(period) / period
        out[:, 2 * column] = np.sin(angle).astype(np.float32)[index]
        out[:, 2 * column + 1] = np.cos(angle).astype(np.float32)[index]
    return out
