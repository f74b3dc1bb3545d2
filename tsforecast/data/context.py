"""Fitting of a context: which features it summarizes over how many rows, and what counts as a switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsforecast.context.options import ContextOptions
from tsforecast.context.summaries import Context, Daily, Events, Recurrence
from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.names import match_names
from tsforecast.data.row_facts import moments
from tsforecast.data.series import Series
from tsforecast.errors import UserError, nearest
from tsforecast.panels.panel import take_rows
from tsforecast.times.frequency import Frequency

if TYPE_CHECKING:
    from tsforecast.data.scaling import Scaler

HOUR, DAY = 3600, 86_400


class ContextChoice(NamedTuple):
    """What is fitted.

    Args:
        options: Kind, channels and spans.
        lead: Rows from the last input to the first target.
        horizon: Rows of the targets.
    """

    options: ContextOptions
    lead: int
    horizon: int


def choose_context(
    options: ContextOptions | None, lead: int, horizon: int, scaler: Scaler | None
) -> ContextChoice | None:
    """Return what is to be fitted; None for no context.

    Args:
        options: Kind, channels and spans; None for no context.
        lead: Rows from the last input to the first target.
        horizon: Rows of the targets.
        scaler: Scaler of a model to continue from, if there is one.

    Raises:
        UserError: That model has another kind of context.
    """
    kind = "none" if options is None else options.kind
    if scaler is not None:
        stored = "none" if scaler.context is None else scaler.context.kind
        if stored != kind:
            raise UserError(
                f"context={kind} is not that of the model to continue from: set context={stored}."
            )
    return None if options is None or kind == "none" else ContextChoice(options, lead, horizon)


def fit_context(
    choice: ContextChoice | None, series: Series, inputs: np.ndarray, train: tuple[int, int] | np.ndarray
) -> Context | None:
    """Fit a context on the training rows.

    Args:
        choice: What to fit; None for no context.
        series: The series.
        inputs: Its scaled and filled rows ``[N, C']``, of which the first C are the features.
        train: Range of the training rows, or those ``[S, 2]`` of many series.

    Raises:
        UserError: A channel is not a feature with numbers, or no span has at least two rows.
    """
    if choice is None:
        return None
    options = choice.options
    channels = _pick_channels(options, series)
    spans = _span_rows(options.spans, series.grid.step)
    shared: dict[str, Any] = {"spans": tuple(spans.values()), "labels": tuple(spans)}
    if options.kind == "daily":
        hour = max(1, HOUR // series.grid.step.seconds)
        width = max(choice.horizon, hour)
        reach = choice.lead + choice.horizon - 1 + (width - choice.horizon) // 2
        return Daily(channels=channels, features=_names(series, channels), width=width, reach=reach, **shared)
    rows, border = inputs, train
    if isinstance(train, np.ndarray):
        rows = take_rows(inputs, train)
        border = 0, len(rows)
    deviation = moments(rows, (int(border[0]), int(border[1])))[1][list(channels)]
    channels = tuple(channel for channel, value in zip(channels, deviation, strict=True) if value > 0)
    deviation = deviation[deviation > 0]
    names = _names(series, channels)
    return Events(
        channels=channels,
        features=names,
        thresholds=tuple(float(value * options.rise) for value in deviation),
        recurrence=_choose_recurrence(
            choice, series.grid.step, dict(zip(names, deviation, strict=True)), series.targets
        ),
        **shared,
    )


def _choose_recurrence(
    choice: ContextChoice, step: Frequency, deviation: Mapping[str, float], targets: Sequence[str]
) -> Recurrence | None:
    """Return which surges of the targets are counted; None for none."""
    options, day = choice.options, DAY // step.seconds
    if not options.around:
        return None
    if day < 2:
        raise UserError(
            f"context.around counts surges at a time of day, but rows are {step.describe()} apart: choose"
            " context=events."
        )
    names = tuple(name for name in targets if name in deviation)
    if not names:
        raise UserError(
            "context.around counts surges of targets, and context.channels has none that varies: add a target, or"
            " choose context=events."
        )
    labels: dict[int, str] = {}
    for width in options.around:
        rows = Frequency.parse(width, "context.around").seconds // step.seconds
        if 2 * rows >= day:
            raise UserError(f"context.around: {width} before and after is a day or more: give less than 12h.")
        labels.setdefault(rows, str(width))
    return Recurrence(
        features=names,
        thresholds=tuple(float(deviation[name] * options.surge) for name in names),
        rise_rows=choice.lead,
        day=day,
        weeks=options.weeks,
        widths=tuple(sorted(labels)),
        labels=tuple(labels[rows] for rows in sorted(labels)),
        reach=choice.lead + choice.horizon // 2,
    )


def _pick_channels(options: ContextOptions, series: Series) -> tuple[int, ...]:
    """Return the columns of the features to summarize."""
    numbers = [name for name in series.features if name not in CALENDAR and name not in series.categories]
    if options.channels is None:
        names: Sequence[str] = series.targets if options.kind == "daily" else numbers
    else:
        names = match_names(options.channels, numbers)
        for name in names:
            if name not in numbers:
                raise UserError(
                    f"context.channels: '{name}' is not a measured feature.{nearest(name, numbers)}"
                )
    return tuple(series.features.index(name) for name in dict.fromkeys(names))


def _names(series: Series, channels: Sequence[int]) -> tuple[str, ...]:
    return tuple(series.features[channel] for channel in channels)


def _span_rows(spans: Sequence[str], step: Frequency) -> dict[str, int]:
    """Return the spans that have at least two rows, by their names, rising."""
    rows = {str(span): Frequency.parse(span, "context.spans").seconds // step.seconds for span in spans}
    known = {name: count for name, count in sorted(rows.items(), key=lambda item: item[1]) if count > 1}
    if not known:
        raise UserError(
            f"context.spans={list(spans)} has no span of at least two rows, which are {step.describe()} apart: give"
            " longer ones."
        )
    return known
