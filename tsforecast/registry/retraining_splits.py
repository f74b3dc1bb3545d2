"""Which of the newest rows a retraining run trains on, validates on and holds out, in time steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.data.durations import days_to_steps, steps_to_days
from tsforecast.data.identity import step_numbers
from tsforecast.errors import UserError
from tsforecast.panels.ends import ends_of_series
from tsforecast.panels.panel import join_ids

if TYPE_CHECKING:
    from tsforecast.data.options import WindowOptions
    from tsforecast.data.series import Series
    from tsforecast.data.splits import Borders
    from tsforecast.registry.options import RetrainingOptions


@dataclass(frozen=True)
class RecentSplit:
    """The newest rows of a series in three parts.

    Args:
        train: Rows to train on, before those of the other parts.
        val: Rows that decide when training stops.
        held_out: The newest rows, on which champion and challenger are compared.
    """

    train: int
    val: int
    held_out: int

    @classmethod
    def from_options(cls, options: RetrainingOptions, series: Series) -> RecentSplit:
        """Return the parts that the options ask for, given in steps or else in days."""
        sizes = {}
        for part in ("train", "val", "held_out"):
            steps = getattr(options, f"{part}_steps")
            days = getattr(options, f"{part}_days")
            sizes[part] = days_to_steps(series, days) if steps is None else steps
        return cls(**sizes)

    def parts(self, series: Series, *, use_all: bool) -> Borders | np.ndarray:
        """Return the rows of the three parts, as ``ForecastDataset.parts`` has them.

        Those of many series begin and end at the same times, however long a series is; without a clock, with the newest
        rows of each.

        Args:
            series: All rows.
            use_all: Train on all rows before the validation rows.
        """
        panel = series.panel
        if panel is None:
            return self.borders(len(series), use_all=use_all)
        positions = series.grid.positions(series.time.astype("datetime64[ns]"))
        newest, first = positions[panel.bounds[1:] - 1] + 1, positions[panel.bounds[:-1]]
        if panel.has_clock:
            newest[:] = newest.max()
        cuts = newest - np.cumsum([0, self.held_out, self.val, self.train])[::-1, None]
        if use_all:
            cuts[0] = np.minimum(cuts[0], first.min())
        rows = panel.bounds[:-1] + np.clip(cuts - first, 0, panel.lengths)
        return np.stack([rows[:-1], rows[1:]], axis=-1)

    def borders(self, rows: int, *, use_all: bool) -> Borders:
        """Return the row ranges of the three parts among ``rows`` rows, of which the newest are used.

        Args:
            rows: Number of rows.
            use_all: Train on all rows before the validation rows.
        """
        cut = rows - self.held_out - self.val
        return (
            (0 if use_all else max(cut - self.train, 0), cut),
            (cut, cut + self.val),
            (cut + self.val, rows),
        )


def check_split(
    split: RecentSplit,
    options: RetrainingOptions,
    series: Series,
    window: WindowOptions,
    batch_size: int | None,
) -> None:
    """Refuse parts that have too few windows, before anything is trained.

    Args:
        split: What ``RecentSplit.from_options`` returned.
        options: The options that it came from, whose names the message gives.
        series: All rows.
        window: Lookback, lead, horizon and stride.
        batch_size: Windows of a batch; None for a model that is fitted on all rows at once.

    Raises:
        UserError: There are too few rows, or a part is too short.
    """
    for part, size in (("val", split.val), ("held_out", split.held_out)):
        if size < window.horizon:
            raise UserError(
                f"{_stated(options, part)} makes {_count(size, 'row')}, fewer than a forecast has"
                f" (window.horizon {window.horizon}): {_set(part, window.horizon, series)}."
            )
    if series.panel is not None:
        _check_panel(split, options, series, window, batch_size)
        return
    (first, cut), _, _ = split.borders(len(series), use_all=batch_size is None)
    reach = window.lookback + window.lead + window.horizon - 1
    least = reach + ((batch_size or 1) - 1) * window.stride
    if cut < least:
        names = " and ".join(_stated(options, part) for part in ("val", "held_out"))
        raise UserError(
            f"{names} leave {max(cut, 0):,} of {len(series):,} rows to train on, and {_need(window, batch_size)}"
            f" take {least:,}: lower them, or retrain with more rows."
        )
    if cut - first < least:
        windows = max(0, (cut - first - reach) // window.stride + 1)
        raise UserError(
            f"{_stated(options, 'train')} makes {_count(cut - first, 'row')} and {_count(windows, 'window')} to train"
            f" on, too few for {_need(window, batch_size)}: {_set('train', least, series)}."
        )


def _check_panel(
    split: RecentSplit,
    options: RetrainingOptions,
    series: Series,
    window: WindowOptions,
    batch_size: int | None,
) -> None:
    """Refuse parts of many series that have too few windows together."""
    shape = {name: getattr(window, name) for name in ("lookback", "lead", "horizon", "stride")}
    parts = split.parts(series, use_all=batch_size is None)
    least = {"train": batch_size or 1, "val": 1, "held_out": 1}
    for (part, needed), ranges in zip(least.items(), np.asarray(parts), strict=True):
        windows = ends_of_series(ranges, series.bounds[:-1], **shape, inside=part == "train")
        if len(windows) < needed:
            raise UserError(
                f"{_stated(options, part)} makes {_count(len(windows), 'window')} in all series together, and"
                f" {_count(needed, 'window')} are needed (window.lookback {window.lookback}, window.horizon"
                f" {window.horizon}): raise it, lower the others, or retrain with more rows."
            )


def check_held_out(
    split: RecentSplit, options: RetrainingOptions, series: Series, champion: str, data: Mapping[str, Any]
) -> None:
    """Refuse to compare a champion on rows that it was trained on.

    Args:
        split: What ``RecentSplit.from_options`` returned.
        options: The options that it came from.
        series: All rows.
        champion: Name of the champion.
        data: What the champion's ``result.json`` holds of its data; without splits in version 0.1.

    Raises:
        UserError: The held-out rows begin before the champion's training rows end.
    """
    if series.panel is not None and not series.panel.has_clock:
        _check_numbered_held_out(split, options, series, champion, data)
        return
    trained = (data.get("splits") or {}).get("train")
    if trained is None:
        return
    last = np.datetime64(trained[1])
    times = series.time if series.panel is None else np.unique(series.time)
    first = times[max(0, len(times) - split.held_out)]
    if first <= last:
        most = int((times > last).sum())
        raise UserError(
            f"{_stated(options, 'held_out')} reaches back to {first}, and {champion} was trained on rows up to {last},"
            f" so that the comparison would favor it: set retrain.held_out_steps={most} or less."
        )


def _check_numbered_held_out(
    split: RecentSplit, options: RetrainingOptions, series: Series, champion: str, data: Mapping[str, Any]
) -> None:
    """Refuse held-out rows of a series without a clock that begin before its training rows end."""
    ends, panel = data.get("ends") or {}, series.panel
    if panel is None:
        return
    last = step_numbers(series)[panel.bounds[1:] - 1]
    left = {
        name: int(number) - ends[name][0]
        for name, number in zip(panel.ids, last, strict=True)
        if name in ends
    }
    short = [name for name, count in left.items() if count < split.held_out]
    if short:
        raise UserError(
            f"{_stated(options, 'held_out')} reaches back to rows that {champion} was trained on in {len(short):,}"
            f" series ({join_ids(short)}), so that the comparison would favor it: set"
            f" retrain.held_out_steps={max(1, min(left.values()))} or less."
        )


def _need(window: WindowOptions, batch_size: int | None) -> str:
    batch = "" if batch_size is None else f" and a batch of {batch_size} windows"
    return f"window.lookback {window.lookback}{batch}"


def _stated(options: RetrainingOptions, part: str) -> str:
    steps = getattr(options, f"{part}_steps")
    return (
        f"retrain.{part}_days={getattr(options, f'{part}_days'):g}"
        if steps is None
        else f"retrain.{part}_steps={steps}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _set(part: str, steps: int, series: Series) -> str:
    """Return what to set, in days and in steps."""
    days = np.ceil(100 * steps_to_days(series, steps)) / 100
    return f"set retrain.{part}_days={days:g} (or retrain.{part}_steps={steps}) or more"
