"""The newest rows of a retraining run: sizes in days or steps, and what is refused before training."""

import dataclasses

import numpy as np
import pytest

from tests.helpers.panel_case import make_panel
from tests.helpers.series_factory import make_series
from tsforecast.data.identity import DataIdentity
from tsforecast.data.options import WindowOptions
from tsforecast.data.windows import window_ends
from tsforecast.errors import UserError
from tsforecast.registry.options import RetrainingOptions
from tsforecast.registry.retraining_splits import RecentSplit, check_held_out, check_split

OPTIONS = RetrainingOptions(
    data=None,
    journal=None,
    rows=None,
    max_hours=8,
    train_days=60,
    val_days=7,
    held_out_days=7,
    train_steps=None,
    val_steps=None,
    held_out_steps=None,
    least_new_rows=60,
    max_steps=400,
    learning_rate=3e-4,
    latency_ms=1200,
    replay_days=30,
    damage=None,
)
WINDOW = WindowOptions(lookback=48, lead=1, horizon=1, stride=1)
DAILY = make_series(rows=1165, step=86_400)


def options(**changes):
    return dataclasses.replace(OPTIONS, **changes)


def check(changed, series=DAILY, window=WINDOW, batch_size=32):
    check_split(RecentSplit.from_options(changed, series), changed, series, window, batch_size)


def test_days_are_counted_in_the_steps_of_the_series():
    assert RecentSplit.from_options(OPTIONS, make_series(step=60)) == RecentSplit(86_400, 10_080, 10_080)
    assert RecentSplit.from_options(OPTIONS, DAILY) == RecentSplit(60, 7, 7)
    assert RecentSplit.from_options(options(train_steps=500, val_steps=9), DAILY) == RecentSplit(500, 9, 7)


def test_the_newest_rows_are_held_out():
    split = RecentSplit(train=60, val=7, held_out=5)
    assert split.borders(100, use_all=False) == ((28, 88), (88, 95), (95, 100))
    assert split.borders(100, use_all=True) == ((0, 88), (88, 95), (95, 100))
    assert split.borders(40, use_all=False) == ((0, 28), (28, 35), (35, 40))


def test_too_few_windows_are_explained_by_the_options_of_retraining():
    with pytest.raises(UserError) as caught:
        check(OPTIONS)
    assert str(caught.value) == (
        "retrain.train_days=60 makes 60 rows and 12 windows to train on, too few for window.lookback 48 and a batch of"
        " 32 windows: set retrain.train_days=80 (or retrain.train_steps=80) or more."
    )


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 32])
def test_the_suggested_number_of_steps_is_the_smallest_that_works(stride, batch_size):
    window = dataclasses.replace(WINDOW, stride=stride, horizon=4)
    with pytest.raises(UserError) as caught:
        check(options(train_steps=1), window=window, batch_size=batch_size)
    least = int(str(caught.value).split("train_steps=")[-1].split(")")[0])
    check(options(train_steps=least), window=window, batch_size=batch_size)
    with pytest.raises(UserError):
        check(options(train_steps=least - 1), window=window, batch_size=batch_size)
    shape = {"lookback": 48, "lead": 1, "horizon": 4, "stride": stride}
    assert len(window_ends((100, 100 + least), **shape, inside=True)) == batch_size


@pytest.mark.parametrize("part", ["val", "held_out"])
def test_a_part_that_is_shorter_than_a_forecast_is_refused(part):
    window = dataclasses.replace(WINDOW, horizon=10)
    with pytest.raises(UserError, match=rf"retrain.{part}_days=7 makes 7 rows, fewer than a forecast has"):
        check(
            options(train_days=700, **{f"{'held_out' if part == 'val' else 'val'}_days": 10}), window=window
        )


@pytest.mark.parametrize("batch_size", [32, None])
def test_parts_that_leave_no_rows_to_train_on_are_refused(batch_size):
    with pytest.raises(UserError, match=r"leave 0 of 1,165 rows to train on, and window.lookback 48"):
        check(options(val_days=700, held_out_days=700), batch_size=batch_size)


def test_a_model_that_is_fitted_at_once_uses_all_rows():
    check(options(train_days=1), batch_size=None)


def test_months_are_counted_too():
    time = np.arange("1950-01", "2020-01", dtype="datetime64[M]").astype("datetime64[s]")
    series = dataclasses.replace(make_series(rows=len(time)), time=time)
    with pytest.raises(
        UserError, match=r"train_days=60 makes 2 rows and 0 windows .*retrain.train_steps=80\)"
    ):
        check(options(val_steps=12, held_out_steps=12), series)
    check(options(train_steps=240, val_steps=12, held_out_steps=12), series)
    check(options(train_days=20 * 365.25, val_days=365, held_out_days=365), series)


def test_a_champion_is_not_compared_on_rows_that_it_was_trained_on():
    data = {"splits": {"train": ["2024-01-01T00:00:00", str(DAILY.time[1000])]}}
    split = RecentSplit(700, 60, 164)
    check_held_out(split, options(held_out_steps=164), DAILY, "v0001", data)
    with pytest.raises(
        UserError, match=r"retrain.held_out_steps=165 reaches back to .* set .*held_out_steps=164 or"
    ):
        check_held_out(RecentSplit(700, 60, 165), options(held_out_steps=165), DAILY, "v0001", data)
    check_held_out(RecentSplit(700, 60, 900), OPTIONS, DAILY, "v0001", {"rows": 1000})  # version 0.1


def test_the_parts_of_many_series_are_at_the_same_times():
    series = make_panel(lengths=(60, 80, 90), starts=(20, 0, 0))  # the last one goes on for ten steps
    split = RecentSplit(train=30, val=8, held_out=12)
    parts = split.parts(series, use_all=False)
    assert parts.tolist() == [
        [[20, 50], [100, 130], [180, 210]],
        [[50, 58], [130, 138], [210, 218]],
        [[58, 60], [138, 140], [218, 230]],
    ]
    for ranges in parts:
        assert len(set(series.time[ranges[:, 0]])) == 1
    assert split.parts(series, use_all=True)[0].tolist() == [[0, 50], [60, 130], [140, 210]]


def test_a_champion_of_many_series_is_not_compared_on_its_training_rows():
    series = make_panel(lengths=(60, 80), levels=(1.0, 5.0), starts=(20, 0))
    split = RecentSplit(train=30, val=8, held_out=12)
    ranges = np.array([[[0, 45], [60, 125]], [[45, 50], [125, 130]], [[50, 60], [130, 140]]])
    data = DataIdentity.from_series(series, ranges).to_dict()
    assert data["splits"]["train"] == (str(series.time.min()), str(series.time[44]))
    check_held_out(split, options(held_out_steps=12), series, "v0001", data)
    with pytest.raises(UserError, match=r"retrain\.held_out_steps=15 or less"):
        check_held_out(
            dataclasses.replace(split, held_out=16), options(held_out_steps=16), series, "v0001", data
        )


def test_many_series_need_enough_windows_together():
    series = make_panel(lengths=(60, 80), levels=(1.0, 5.0), starts=(20, 0))
    window = WindowOptions(lookback=12, lead=1, horizon=6, stride=1)
    chosen = options(train_steps=20, val_steps=8, held_out_steps=8)
    check(chosen, series, window, batch_size=6)
    with pytest.raises(UserError, match=r"retrain\.train_steps=20 makes 6 windows in all series together"):
        check(chosen, series, window, batch_size=7)


def make_numbered():
    series = make_panel(lengths=(60, 80), levels=(1.0, 5.0), starts=(0, 0))
    numbers = np.concatenate([np.arange(1, length + 1) for length in (60, 80)])
    panel = dataclasses.replace(series.panel, has_clock=False)
    return dataclasses.replace(series, time=(numbers * 3600).astype("datetime64[s]"), panel=panel)


def test_the_parts_of_numbered_steps_are_the_newest_rows_of_each_series():
    split = RecentSplit(train=30, val=8, held_out=12)
    assert split.parts(make_numbered(), use_all=False).tolist() == [
        [[10, 40], [90, 120]],
        [[40, 48], [120, 128]],
        [[48, 60], [128, 140]],
    ]


def test_a_champion_of_numbered_steps_is_not_compared_on_its_training_rows():
    series, split = make_numbered(), RecentSplit(train=30, val=8, held_out=12)
    ranges = np.array([[[0, 48], [60, 120]], [[48, 50], [120, 130]], [[50, 60], [130, 140]]])
    data = DataIdentity.from_series(series, ranges).to_dict()
    check_held_out(split, options(held_out_steps=12), series, "v0001", data)
    with pytest.raises(
        UserError, match=r"trained on in 1 series \('a'\).* set retrain\.held_out_steps=12 or less"
    ):
        check_held_out(
            dataclasses.replace(split, held_out=13), options(held_out_steps=13), series, "v0001", data
        )
