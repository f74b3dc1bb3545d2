"""Later files with day and month in the other order are refused, and no others."""

import numpy as np
import pyarrow as pa
import pytest

from tsforecast.errors import UserError
from tsforecast.times.day_order import DayOrder
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import parse_frequency
from tsforecast.times.time_grid import TimeGrid

EUROPEAN, AMERICAN = "{d:02d}/{m:02d}/{y}", "{m:02d}/{d:02d}/{y}"


def table(layout, first, count, step="h"):
    times = np.datetime64(first, step) + np.arange(count)
    texts = []
    for time in times:
        y, m, d = map(int, str(time.astype("datetime64[D]")).split("-"))
        texts.append(layout.format(d=d, m=m, y=y) + " " + str(time.astype("datetime64[s]"))[11:16])
    return pa.table({"time": texts})


def add(rows, pattern="%m/%d/%Y %H:%M", step="1h", size=10**6):
    order = DayOrder(TimeFormat(("time",), pattern), TimeGrid(parse_frequency(step)))
    for first in range(0, rows.num_rows, size):
        order.add(rows.slice(first, size), first + 1)


@pytest.mark.parametrize("size", [24, 100, 10**6])
def test_the_other_order_is_refused_with_both_readings(size):
    with pytest.raises(UserError) as error:
        add(table(EUROPEAN, "2024-02-01", 264), size=size)
    sentence = str(error.value)
    assert "(row 1)" in sentence or size < 264
    for part in ("%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "or dates as 2024-02-", "are not 1 h"):
        assert part in sentence


def test_the_message_names_row_and_dates():
    message = (
        r"'01/02/2024 00:00' in column 'time' \(row 1\) is 2024-01-02 by the training data's %m/%d/%Y %H:%M, by which"
        " 10 steps are not 1 h, and 2024-02-01 by %d/%m/%Y %H:%M"
    )
    with pytest.raises(UserError, match=message):
        add(table(EUROPEAN, "2024-02-01", 264))


@pytest.mark.parametrize(("step", "unit"), [("1d", "D"), ("1mo", "M")])
def test_days_and_months_are_refused_too(step, unit):
    with pytest.raises(UserError, match="or dates as"):
        add(table(AMERICAN, "2024-02-01", 11, unit), "%d/%m/%Y %H:%M", step)


@pytest.mark.parametrize("first", ["2024-02-01", "2024-01-20", "2024-03-05"])
def test_the_order_of_the_training_data_is_accepted(first):
    add(table(AMERICAN, first, 180))
    add(table(EUROPEAN, first, 180), "%d/%m/%Y %H:%M")


def test_gaps_iso_and_other_layouts_are_accepted():
    rows = table(AMERICAN, "2024-02-01", 264)
    add(rows.take([*range(50), *range(90, 150), *range(200, 264)]))
    add(pa.table({"time": [f"2024-02-{day:02d} 00:00" for day in range(1, 12)]}), step="1d")
    add(pa.table({"time": [f"2024/01/{day:02d}" for day in (1, 5, 9)]}), "%Y/%m/%d", "1d")
