"""Summaries of the past: what they say, on which rows they depend, and that pieces of rows give the same bits."""

import dataclasses
import json

import numpy as np
import pytest

from tsforecast.context.summaries import Context, Daily, Events, Recurrence, trailing_extreme

EVENTS = Events(
    channels=(0, 2), features=("a", "c"), spans=(3, 20), labels=("3min", "20min"), thresholds=(0.5, 1.5)
)
PARTS = ("day", "week", "days", "weeks")
SURGES = dataclasses.replace(
    EVENTS,
    recurrence=Recurrence(
        features=("c",),
        thresholds=(0.5,),
        rise_rows=2,
        day=6,
        weeks=2,
        widths=(0, 1),
        labels=("0s", "1min"),
        reach=3,
    ),
)
DAILY = Daily(channels=(1,), features=("b",), spans=(10, 40), labels=("10min", "40min"), width=4, reach=6)


def draw(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 3)) * [1.0, 1e3, 1.0]
    values[rows // 3 : rows // 2] = values[rows // 3]  # a gap, filled
    return values.astype(np.float32)


def test_events_say_when_and_how_often_a_feature_switched():
    rows = np.zeros((30, 3), np.float32)
    rows[4:6, 0], rows[8:, 0] = 1.0, 2.0
    columns = dict(zip(EVENTS.names, np.expm1(EVENTS.compute(rows).T.astype(float)), strict=True))
    span = {name: np.log1p(20 if "since" in name or "20" in name else 3) for name in EVENTS.names}
    read = {
        name: np.rint(np.expm1(np.log1p(values) * span[name])).astype(int) for name, values in columns.items()
    }
    assert read["a@past.since_on"].tolist() == [20] * 4 + [0, 1, 2, 3] + list(range(20)) + [20, 20]
    assert read["a@past.since_off"].tolist() == [20] * 6 + list(range(20)) + [20] * 4
    assert read["a@past.on_3min"].tolist() == [0] * 4 + [1, 1, 1, 0, 1, 1, 1] + [0] * 19
    assert read["a@past.on_20min"].tolist() == [0] * 4 + [1] * 4 + [2] * 16 + [1] * 4 + [0, 0]
    assert set(read["c@past.since_on"]) == {20}


def test_events_count_surges_of_targets_at_this_time_on_earlier_days():
    rows = np.zeros((140, 3), np.float32)
    rows[[60, 66, 98], 2] = 1.0  # a rise over two rows ends at each, and so does none at the row after it
    names = [f"c@past.surges_{part}_{width}" for width in ("0s", "1min") for part in PARTS]
    assert SURGES.names[-8:] == tuple(names)
    assert SURGES.names[:-8] == EVENTS.names
    columns = SURGES.compute(rows)[:, -8:].astype(float)
    largest = np.array([1, 1, 7, 2, 3, 3, 21, 6])
    counts = np.expm1(columns * np.log1p(largest)).round().astype(int)
    # Row 105 forecasts row 108: row 102 a day before, row 66 a week before, rows 66 to 102 and rows 24 and 66.
    assert counts[105].tolist() == [0, 1, 1, 1, 0, 1, 1, 1]
    assert counts[106].tolist() == [0, 0, 0, 0, 0, 1, 2, 1]  # row 98 is next to row 97
    # Row 104 forecasts row 107: rows 101 and 65 to 101, and with the rows next to them 64 to 66 and so on.
    assert counts[104].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    # Row 101 forecasts row 104, a day after row 98.
    assert counts[101].tolist() == [1, 0, 1, 0, 1, 0, 1, 0]


def test_a_time_that_is_not_known_yet_is_that_of_a_day_earlier():
    recurrence = dataclasses.replace(SURGES.recurrence, reach=5)
    assert [lags.tolist() for lags in recurrence.lags(0)[:2]] == [[1], [37]]
    assert [lags.tolist() for lags in recurrence.lags(2)[:2]] == [[7], [37]]
    assert recurrence.lags(2)[3].tolist() == [37, 79]
    assert dataclasses.replace(recurrence, reach=42).lags(1)[1].tolist() == [42]  # two weeks earlier


def test_a_context_of_an_earlier_version_has_no_recurrence():
    assert "recurrence" not in EVENTS.to_dict()
    assert Context.from_dict(json.loads(json.dumps(SURGES.to_dict()))) == SURGES


@pytest.mark.parametrize("change", [{"weeks": 3}, {"thresholds": (0.6,)}, {"thresholds": (0.5, 0.5)}])
def test_recurrences_are_close_up_to_rounding_of_their_thresholds(change):
    def having(**changes):
        return dataclasses.replace(SURGES, recurrence=dataclasses.replace(SURGES.recurrence, **changes))

    assert SURGES.is_close(having(thresholds=(0.5 + 1e-8,)))
    assert not SURGES.is_close(having(**change))
    assert not SURGES.is_close(EVENTS)
    assert not EVENTS.is_close(SURGES)


def test_daily_says_what_the_same_time_and_the_spans_were_like():
    rows = np.arange(300 * 3, dtype=np.float32).reshape(300, 3) / 64  # sixty-fourths are exact
    values, t = rows[:, 1].astype(float), 200
    # The targets end 6 rows after row t: 10 rows earlier is 4 before it, 40 rows earlier 34.
    expected = []
    for span, lag in ((10, 4), (40, 34)):
        newest = values[t - span + 1 : t + 1]
        expected += [values[t - lag - 3 : t - lag + 1].mean(), newest.mean(), newest.min(), newest.max()]
    assert DAILY.names[:4] == (
        "b@past.ago_10min",
        "b@past.mean_10min",
        "b@past.low_10min",
        "b@past.high_10min",
    )
    np.testing.assert_array_equal(DAILY.compute(rows)[t], np.float32(expected))
    assert DAILY.compute(rows)[2, 0] == np.float32(values[:3].mean())  # too early for "ago"


@pytest.mark.parametrize("context", [EVENTS, SURGES, DAILY], ids=["events", "surges", "daily"])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_pieces_of_rows_with_their_history_give_the_same_bits(context, size):
    rows = draw()
    whole = context.compute(rows)
    parts = []
    for first in range(0, len(rows), size):
        start = max(0, first - context.history)
        parts.append(context.compute(rows[start : first + size])[first - start :])
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("context", [EVENTS, SURGES, DAILY], ids=["events", "surges", "daily"])
def test_the_history_is_as_long_as_it_must_be(context):
    changed = rows = draw()
    t = 250
    before = context.compute(rows)[t]
    changed = rows.copy()
    changed[: t - context.history] = 99
    changed[t + 1 :] = -99
    np.testing.assert_array_equal(context.compute(changed)[t], before)
    changed[t - context.history] = np.where(np.arange(3) == 1, 1e5, -99)
    assert (context.compute(changed)[t] != before).any()


@pytest.mark.parametrize("context", [EVENTS, SURGES, DAILY], ids=["events", "surges", "daily"])
def test_it_is_stored_and_read_again(context):
    again = Context.from_dict(json.loads(json.dumps(context.to_dict())))
    assert again == context
    assert context.is_close(again)
    assert not context.is_close(dataclasses.replace(context, spans=(4, 20)))
    assert not EVENTS.is_close(DAILY)


def test_extremes_are_of_the_newest_rows():
    values = draw()[:, 0]
    for span in (1, 2, 5, 8, 13):
        expected = [values[max(0, t - span + 1) : t + 1].max() for t in range(len(values))]
        assert trailing_extreme(values, span, np.maximum).tolist() == expected
