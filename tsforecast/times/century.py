"""The century of two-digit years, decided once for all rows of the training data."""

import datetime

import numpy as np

UNIX_FIRST = 1969  # ``strptime`` reads 69 to 99 as 1969 to 1999, and 00 to 68 as 2000 to 2068
AHEAD = datetime.timedelta(days=365)  # of today; no time of the training data is read as later than that year
FAR = 50  # years between neighboring rows that are in different centuries by mistake


def latest_first_year(today: datetime.date | None = None) -> int:
    """Return the first of the hundred years that end with the newest year that data may have.

    Example:
        >>> latest_first_year(datetime.date(2024, 5, 1))
        1926
    """
    return ((today or datetime.date.today()) + AHEAD).year - 99


def choose_first_year(time: np.ndarray, latest: int) -> int:
    """Return the first of the hundred years that two-digit years stand for.

    Neighboring rows are as rarely as possible more than ``FAR`` years apart, and no time is after ``latest + 99``. The
    years are moved ahead as far as later rows may need it, if that does not change the training data.

    Args:
        time: Times of the training data ``[N]`` datetime64, NaT allowed, in whatever century.
        latest: First of the latest hundred years that are possible.

    Example:
        >>> time = np.array(["2020-01", "2027-01", "1928-01"], "datetime64[M]")
        >>> choose_first_year(time, latest=1928)
        1920
    """
    known = time[~np.isnat(time)]
    if not len(known):
        return latest
    digits = (known.astype("datetime64[Y]").astype(np.int64) + 1970) % 100
    pairs, counts = np.unique(digits[:-1] * 100 + digits[1:], return_counts=True)
    firsts = np.arange(latest, latest - 100, -1)[:, None]
    before, after = (in_window(years[None, :], firsts) for years in (pairs // 100, pairs % 100))
    torn = ((np.abs(after - before) > FAR) * counts).sum(axis=1)
    first = int(firsts[torn.argmin(), 0])
    years = in_window(digits, first)
    spare = 99 - int(years.max() - years.min())
    return max(first, int(years.min()) - spare // 2)


def in_window(year: np.ndarray, first: int | np.ndarray) -> np.ndarray:
    """Return the years from ``first`` to ``first + 99`` with the same last two digits.

    Example:
        >>> in_window(np.array([49, 24]), 1928).tolist()
        [1949, 2024]
    """
    result: np.ndarray = first + (year - first) % 100
    return result


def move_century(time: np.ndarray, first: int) -> np.ndarray:
    """Return times datetime64 ``[N]`` in the years from ``first`` on; NaT for 29 February in a year without it.

    Example:
        >>> move_century(np.array(["2049-01-31", "2024-02-29"], "datetime64[s]"), 1928).astype(str).tolist()
        ['1949-01-31T00:00:00', '2024-02-29T00:00:00']
    """
    known = time[~np.isnat(time)]
    if not len(known):
        return time
    low, high = np.datetime64(f"{first}-01-01"), np.datetime64(f"{first + 100}-01-01")
    if known.min() >= low and known.max() < high:
        return time
    month = time.astype("datetime64[M]")
    ordinal = np.where(np.isnat(time), 0, month.astype(np.int64))
    year = ordinal // 12 + 1970
    moved = month + 12 * (in_window(year, first) - year)
    result: np.ndarray = moved.astype(time.dtype) + (time - month.astype(time.dtype))
    result[result.astype("datetime64[M]") != moved] = np.datetime64("NaT")
    return result


def century_note(column: str, time: np.ndarray) -> tuple[str, ...]:
    """Return a note on the years that two-digit years are read as."""
    years = time[~np.isnat(time)].astype("datetime64[Y]")
    if not len(years):
        return ()
    return (
        f"The two-digit years in '{column}' are read as {years.min()} to {years.max()}; if that is wrong, write them"
        " with four digits.",
    )
