"""Ways in which people write times in files, each with the columns that it fills."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE, HOUR, DAY = 60, 3600, 86_400
EPOCH = datetime(1970, 1, 1)
Write = Callable[[datetime], tuple[str, ...]]


@dataclass(frozen=True)
class TimeLayout:
    """A way of writing the time of a row.

    Args:
        name: For messages.
        header: Names of its columns.
        write: The cells of a time.
        unit: Seconds that every step is a multiple of.
        time: ``data.time``, for columns that cannot be found by themselves.
        doubtful: Whether all rows of a few days may be read in two ways.
        fraction: Whether it has milliseconds.
        years: First and last year that it can express.
        step: The only step, if it numbers the steps of a day.
    """

    name: str
    header: tuple[str, ...]
    write: Write
    unit: int = 1
    time: tuple[str, ...] | None = None
    doubtful: bool = False
    fraction: bool = False
    years: tuple[int, int] = (1971, 2090)
    step: int | None = None


def by(*patterns: str) -> Write:
    """One cell for each pattern of ``strftime``."""
    return lambda time: tuple(time.strftime(pattern) for pattern in patterns)


def plus(seconds: float, write: Write) -> Write:
    """The same of a time that is so much later."""
    return lambda time: write(time + timedelta(seconds=seconds))


def midnight_as_24(date: str, gap: str = " ") -> Write:
    """Midnight as 24:00 of the day before."""

    def write(time: datetime) -> tuple[str, ...]:
        late = (time.hour, time.minute) == (0, 0)
        day = (time - timedelta(days=late)).strftime(date)
        clock = "24:00" if late else time.strftime("%H:%M")
        return (day + gap + clock,) if gap else (day, clock)

    return write


def hour_number(date: str, first: int) -> Write:
    """A date, and the number of the hour, from ``first`` on."""
    return lambda time: (time.strftime(date), str(time.hour + first))


def interval(pattern: str, gap: str) -> Write:
    """The hour from a time on."""
    return lambda time: (time.strftime(pattern) + gap + (time + timedelta(hours=1)).strftime(pattern),)


def period_number(seconds: int) -> Write:
    """A date, and the number of the period, from 1 on."""
    return lambda time: (f"{time:%Y-%m-%d}", str((time.hour * HOUR + time.minute * MINUTE) // seconds + 1))


def unix(per_second: int, form: str = "d") -> Write:
    """Unix time in a unit."""

    def write(time: datetime) -> tuple[str, ...]:
        since = time - EPOCH
        micros = (since.days * DAY + since.seconds) * 10**6 + since.microseconds
        return (format(micros * per_second // 10**6 if form == "d" else micros / 10**6 * per_second, form),)

    return write


def excel(time: datetime) -> tuple[str, ...]:
    """Serial date of spreadsheets."""
    return (repr((time - datetime(1899, 12, 30)).total_seconds() / DAY),)


def without_zeros(date: str) -> Write:
    """Day, month and hour without leading zeros."""
    return lambda time: (date.format(d=time.day, m=time.month, y=time.year, H=time.hour, M=time.minute),)


DATES = {
    "ymd": "%Y-%m-%d",
    "y/m/d": "%Y/%m/%d",
    "y.m.d": "%Y.%m.%d",
    "d/m/y": "%d/%m/%Y",
    "m/d/y": "%m/%d/%Y",
    "d.m.y": "%d.%m.%Y",
    "d-m-y": "%d-%m-%Y",
    "m-d-y": "%m-%d-%Y",
    "d-b-y": "%d-%b-%Y",
    "d b y": "%d %b %Y",
    "b d, y": "%b %d, %Y",
    "full month": "%d %B %Y",
}
CLOCKS = {
    "seconds": ("%H:%M:%S", 1),
    "minutes": ("%H:%M", MINUTE),
    "am pm": ("%I:%M:%S %p", 1),
    "am pm minutes": ("%I:%M%p", MINUTE),
    "dots": ("%H.%M.%S", 1),
    "dotted minutes": ("%H.%M", MINUTE),
}


def _doubtful(date: str) -> bool:
    return "%b" not in date and "%B" not in date and not date.startswith("%Y")


def _dates() -> list[TimeLayout]:
    out = []
    for name, date in DATES.items():
        doubtful = _doubtful(date)
        out.append(TimeLayout(f"{name} day", ("date",), by(date), DAY, doubtful=doubtful))
        for clock, (pattern, unit) in CLOCKS.items():
            full = f"{name} {clock}"
            out.append(TimeLayout(full, ("time",), by(f"{date} {pattern}"), unit, doubtful=doubtful))
            pair = TimeLayout(f"{full} pair", ("date", "time"), by(date, pattern), unit, doubtful=doubtful)
            out.append(pair)
    return out


LAYOUTS = (
    *_dates(),
    TimeLayout("iso T", ("ds",), by("%Y-%m-%dT%H:%M:%S")),
    TimeLayout("iso without a time word", ("x",), by("%Y-%m-%d %H:%M:%S")),
    TimeLayout("iso ms", ("time",), lambda t: (t.isoformat(" ", "milliseconds"),), fraction=True),
    TimeLayout("iso us", ("time",), lambda t: (t.isoformat("T", "microseconds"),), fraction=True),
    TimeLayout(
        "iso comma",
        ("time",),
        lambda t: (f"{t:%Y-%m-%d %H:%M:%S},{t.microsecond // 1000:03d}",),
        fraction=True,
    ),
    TimeLayout(
        "dots and fraction",
        ("time",),
        lambda t: (f"{t:%d.%m.%Y %H:%M:%S}.{t.microsecond // 1000:03d}",),
        doubtful=True,
        fraction=True,
    ),
    TimeLayout("Z", ("time",), by("%Y-%m-%dT%H:%M:%SZ")),
    TimeLayout("+00", ("time",), by("%Y-%m-%d %H:%M:%S+00")),
    TimeLayout("+0000", ("time",), by("%Y-%m-%dT%H:%M:%S+0000")),
    TimeLayout("+02:00", ("time",), plus(2 * HOUR, by("%Y-%m-%d %H:%M:%S+02:00"))),
    TimeLayout("-05:30 minutes", ("time",), plus(-5.5 * HOUR, by("%Y-%m-%d %H:%M-05:30")), MINUTE),
    TimeLayout("d/m/y +01", ("time",), plus(HOUR, by("%d/%m/%Y %H:%M:%S+01:00")), doubtful=True),
    TimeLayout("UTC", ("time",), by("%Y-%m-%d %H:%M:%S UTC")),
    TimeLayout("interval", ("time",), interval("%d.%m.%Y %H:%M", " - "), MINUTE, doubtful=True),
    TimeLayout("interval iso", ("MTU",), interval("%Y-%m-%dT%H:%MZ", "/"), MINUTE),
    TimeLayout(
        "clock interval",
        ("date", "time"),
        lambda t: (f"{t:%Y-%m-%d}", f"{t:%H:%M}-{t + timedelta(hours=1):%H:%M}"),
        MINUTE,
    ),
    TimeLayout("HE01", ("date", "he"), lambda t: (f"{t:%Y-%m-%d}", f"HE{t.hour + 1:02d}"), HOUR, step=HOUR),
    TimeLayout("year first", ("date",), by("%y-%m-%d"), DAY, doubtful=True, years=(2001, 2067)),
    TimeLayout("no zeros", ("time",), without_zeros("{m}/{d}/{y} {H}:{M:02d}"), MINUTE, doubtful=True),
    TimeLayout("no zeros dots", ("time",), without_zeros("{d}.{m}.{y} {H}:{M:02d}"), MINUTE, doubtful=True),
    TimeLayout("short year", ("time",), by("%d.%m.%y %H:%M"), MINUTE, doubtful=True, years=(1970, 2067)),
    TimeLayout(
        "short US year", ("time",), by("%m/%d/%y %I:%M %p"), MINUTE, doubtful=True, years=(1970, 2067)
    ),
    TimeLayout("short named", ("date",), by("%d-%b-%y"), DAY, years=(1970, 2067)),
    TimeLayout("digits day", ("date",), by("%Y%m%d"), DAY),
    TimeLayout("digits hour", ("time",), by("%Y%m%d%H"), HOUR),
    TimeLayout("digits minute", ("time",), by("%Y%m%d%H%M"), MINUTE),
    TimeLayout("digits", ("time",), by("%Y%m%d%H%M%S")),
    TimeLayout("basic", ("time",), by("%Y%m%dT%H%M%S")),
    TimeLayout("24:00", ("time",), midnight_as_24("%d.%m.%Y"), MINUTE, doubtful=True),
    TimeLayout("24:00 iso", ("time",), midnight_as_24("%Y-%m-%d"), MINUTE),
    TimeLayout("24:00 pair", ("date", "clock"), midnight_as_24("%Y-%m-%d", ""), MINUTE),
    TimeLayout("hours 0 to 23", ("date", "hour"), hour_number("%Y-%m-%d", 0), HOUR),
    TimeLayout("hours 1 to 24", ("date", "hour"), hour_number("%d.%m.%Y", 1), HOUR, doubtful=True, step=HOUR),
    TimeLayout("half hours", ("date", "period"), period_number(1800), 1800, step=1800),
    TimeLayout("quarter hours", ("date", "interval"), period_number(900), 900, step=900),
    TimeLayout("hhmm", ("date", "hhmm"), lambda t: (f"{t:%Y-%m-%d}", str(t.hour * 100 + t.minute)), MINUTE),
    TimeLayout(
        "parts hour", ("year", "month", "day", "hour"), lambda t: tuple(map(str, t.timetuple()[:4])), HOUR
    ),
    TimeLayout("parts day", ("Year", "Month", "Day"), lambda t: tuple(map(str, t.timetuple()[:3])), DAY),
    TimeLayout(
        "parts",
        ("YY", "MM", "DD", "hh", "mm", "ss"),
        lambda t: tuple(map(str, t.timetuple()[:6])),
        time=("YY", "MM", "DD", "hh", "mm", "ss"),
    ),
    TimeLayout("named month", ("year", "month", "day", "hour"), by("%Y", "%b", "%d", "%H"), HOUR),
    TimeLayout("weeks", ("week",), by("%G-W%V"), 7 * DAY),
    TimeLayout("unix", ("timestamp",), unix(1)),
    TimeLayout("unix float", ("timestamp",), unix(1, ".3f"), fraction=True),
    TimeLayout("unix ms", ("ts",), unix(1000), fraction=True),
    TimeLayout("unix us", ("ts",), unix(10**6), fraction=True),
    TimeLayout("unix ns", ("epoch",), unix(10**9), fraction=True),
    TimeLayout("unix named", ("n",), unix(1), time=("n",)),
    TimeLayout("excel", ("date",), excel, MINUTE),
)
