"""The rows of a series as models read them: scaled, filled, and with the future of what is known ahead."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tsforecast.data.categories import to_inputs
from tsforecast.data.context import ContextChoice, fit_context
from tsforecast.data.filling import carry_forward
from tsforecast.data.leakage import check_context
from tsforecast.data.row_facts import RowFacts
from tsforecast.data.scaling import DEFAULT, MAX_SCALED, Scaler, ScalerChoice
from tsforecast.data.series import Series
from tsforecast.data.splits import PARTS, Borders
from tsforecast.errors import UserError
from tsforecast.panels.panel import as_ranges, mask_rows, take_rows
from tsforecast.storage.rows import chunks

FAR = 100.0  # times the largest scaled training value: later values beyond are reported
Rows = slice | np.ndarray  # some of the rows of a piece
Ahead = tuple[int, int]  # a feature's column, and the rows after which its value is wanted


class ScaledRows(NamedTuple):
    """Rows ready for windows.

    Args:
        inputs: ``[N, C']`` float32, scaled and filled, no NaN; the features, then their observed masks, then one
            channel for each ``Ahead``, then the context.
        truths: ``[N, T]`` float32, scaled, NaN where unobserved.
        scaler: Scaler of the features.
        notes: What was done to the rows.
    """

    inputs: np.ndarray
    truths: np.ndarray
    scaler: Scaler
    notes: tuple[str, ...]


def scale_rows(
    series: Series,
    parts: Borders | np.ndarray,
    scaler: Scaler | None,
    targets: Sequence[int],
    ahead: Sequence[Ahead],
    choice: ScalerChoice = DEFAULT,
    context: ContextChoice | None = None,
) -> ScaledRows:
    """Check, scale and fill the rows of a series in memory.

    Args:
        series: The series.
        parts: Row ranges of training, validation and test, or those ``[3, S, 2]`` of a panel.
        scaler: Scaler of an existing model; None fits one on the training rows.
        targets: Columns of the targets.
        ahead: Future values to add as channels.
        choice: What to fit without a scaler.
        context: Context to fit without a scaler; None for none.

    Raises:
        UserError: A feature has no training value, a value cannot be scaled, or a target is constant in training or
            unobserved in a split.
    """
    facts = check_rows(series, parts)
    if scaler is None:
        scaler = _fit(series, as_ranges(parts)[0], targets, choice)
    inputs, truths, filled = fill_rows(series, scaler, len(ahead))
    add_future(inputs, inputs, 0, ahead)
    if scaler.context is None and context is not None:
        scaler = replace(scaler, context=fit_context(context, series, inputs, parts[0]))
    if scaler.context is not None:
        starts = None if series.panel is None else series.panel.bounds[:-1]
        past = scaler.context.compute(inputs, starts)
        check_context(scaler.context, inputs, past, starts)
        inputs = np.concatenate([inputs, past], axis=1)
    notes = row_notes(series, int(filled.sum()), facts) + mask_notes(series, scaler, choice)
    notes += check_range(series, inputs, as_ranges(parts)[0, :, 1])
    return ScaledRows(inputs, truths, scaler, notes)


def _fit(series: Series, train: np.ndarray, targets: Sequence[int], choice: ScalerChoice) -> Scaler:
    """Return the scaler of the training rows ``[S, 2]``, with the levels of the series of a panel."""
    rows, levels = take_rows(series.values, train), None
    if series.panel is not None:
        columns, panel = (series.values, series.features), series.panel
        levels = choice.fit_levels(*columns, panel, train, series.categories, series.season)
    if levels is not None:
        rows = levels.apply(rows, train[:, 1] - train[:, 0])
    scaler = Scaler.fit(rows, series.features, targets, choice, series.categories)
    return replace(scaler, levels=levels)


def check_rows(series: Series, parts: Borders | np.ndarray) -> RowFacts:
    """Check the targets in each split, and return the facts about the training rows.

    Raises:
        UserError: A target is constant in training or unobserved in a split.
    """
    ranges = as_ranges(parts)
    rows = take_rows(series.values, ranges[0])
    training = RowFacts.of_rows(rows, (0, len(rows)))
    for target in series.targets:
        index = series.features.index(target)
        for name, part in zip(PARTS, ranges, strict=True):
            if np.isnan(take_rows(series.values[:, index], part)).all():
                times = f"{series.time[part[:, 0].min()]} to {series.time[part[:, 1].max() - 1]}"
                raise UserError(
                    f"Target '{target}' has no value in data.split.{name} ({times}): move the split or choose another"
                    " target."
                )
        if training.is_constant[index]:
            raise UserError(
                f"Target '{target}' is constant in the training rows: there is nothing to learn;"
                " choose another target, or move data.split."
            )
    return training


def fill_rows(series: Series, scaler: Scaler, extra: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scale column by column (one float64 column at a time), leaving room for ``extra`` channels.

    Returns:
        Inputs ``[N, C + M + extra]`` with M observed masks, truths ``[N, T]``, and whether a value was filled ``[N]``.
    """
    rows, features = series.values.shape
    inputs = np.empty((rows, features + len(scaler.masked) + extra), np.float32)
    truths = np.empty((rows, len(series.targets)), np.float32)
    filled = np.zeros(rows, bool)
    starts = None if series.panel is None else series.panel.bounds[:-1]
    for index, name in enumerate(series.features):
        if name in series.categories:
            inputs[:, index] = to_inputs(series.values[:, index])
            continue
        column = series.values[:, index]
        if scaler.levels is not None and series.panel is not None:
            column = scaler.levels.apply_channel(column, index, series.panel.lengths)
        scaled = scaler.transform(column, index)
        filled |= np.isnan(scaled)
        if name in series.targets:
            truths[:, series.targets.index(name)] = scaled
        # The training mean, 0 once scaled, stands in before the first observed value.
        with np.errstate(over="ignore"):  # what overflows is refused by check_range
            inputs[:, index] = carry_forward(scaled, before=0.0, starts=starts)
    for position, index in enumerate(scaler.masked, features):
        inputs[:, position] = ~np.isnan(series.values[:, index])
    return inputs, truths, filled


def add_future(inputs: np.ndarray, source: np.ndarray, first: int, ahead: Sequence[Ahead]) -> None:
    """Write future values into the last channels of inputs.

    The last rows, whose future is not in the data, hold the last value; no window reaches them with targets.

    Args:
        inputs: Rows to complete.
        source: All rows ``[N, C]``.
        first: The row of ``source`` that ``inputs`` begins with.
        ahead: One item for each of the last channels.
    """
    for channel, (column, rows) in enumerate(ahead, inputs.shape[1] - len(ahead)):
        start = first + rows
        known = source[start : start + len(inputs), column]
        inputs[: len(known), channel] = known
        inputs[len(known) :, channel] = source[-1, column]


def mask_notes(series: Series, scaler: Scaler, choice: ScalerChoice) -> tuple[str, ...]:
    """Return a note on the observed masks, if they were asked for or the scaler has some."""
    if scaler.masked:
        names = ", ".join(series.features[index] for index in scaler.masked)
        return (f"Observed masks are fed in for the features with missing training values: {names}.",)
    return ("data.mask=true adds no channel: no training value is missing.",) if choice.mask else ()


def check_range(series: Series, inputs: np.ndarray, stops: np.ndarray) -> tuple[str, ...]:
    """Check that single precision has room for scaled rows, and return warnings of later values that are far off.

    Args:
        series: The series.
        inputs: Its scaled rows ``[N, C']``, of which the first C are the features.
        stops: ``[S]`` the row after the training rows of each series.

    Raises:
        UserError: Naming the first value that is too far from the training rows.
    """
    features = len(series.features)
    training, later, row_of = np.zeros(features), np.zeros(features), np.zeros(features, np.int64)
    for part, before, after in _pieces(series, stops):
        size = np.ascontiguousarray(np.abs(inputs[part, :features]).T)
        early, late = (
            size[:, rows] if isinstance(rows, slice) else np.take(size, rows, axis=1)
            for rows in (before, after)
        )
        known, highest = (values.max(axis=1, initial=0.0) for values in (early, late))
        if not np.maximum(known, highest).max(initial=0.0) <= MAX_SCALED:
            row, column = (int(index[0]) for index in np.nonzero(~(size.T <= MAX_SCALED)))
            raise UserError(_out_of_range(series, part.start + row, column))
        training = np.maximum(training, known)
        if (highest > later).any():
            at = part.start + np.arange(size.shape[1])[after][late.argmax(axis=1)]
            row_of = np.where(highest > later, at, row_of)
            later = np.maximum(later, highest)
    far = np.flatnonzero(later > FAR * np.maximum(training, 1.0))
    return tuple(_far_off(series, int(row_of[column]), int(column), stops) for column in far)


def _pieces(series: Series, stops: np.ndarray) -> Iterator[tuple[slice, Rows, Rows]]:
    """Yield the rows in pieces, and which rows of a piece are before the end of the training rows, and after it."""
    everything, nothing = slice(None), slice(0, 0)
    if series.panel is None:
        border = int(stops[0])
        yield from ((part, everything, nothing) for part in chunks(0, border))
        yield from ((part, nothing, everything) for part in chunks(border, len(series)))
        return
    is_training = mask_rows(np.stack([series.bounds[:-1], stops], axis=1), len(series))
    for part in chunks(0, len(series)):
        yield part, np.flatnonzero(is_training[part]), np.flatnonzero(~is_training[part])


def _out_of_range(series: Series, row: int, column: int) -> str:
    name, value = series.features[column], series.values[row, column]
    return (
        f"Column '{name}' has {value:.6g} in row {row + 1} ({series.time[row]}),"
        " too far from its training values for single precision: correct the value, or set scaling=asinh, which"
        " compresses it."
    )


def _far_off(series: Series, row: int, column: int, stops: np.ndarray) -> str:
    of_row = int(series.series_of(np.array([row]))[0])
    facts = RowFacts.of_rows(series.values[:, [column]], (int(series.bounds[of_row]), int(stops[of_row])))
    name, value = series.features[column], series.values[row, column]
    return (
        f"Warning: '{name}' reaches {value:.6g} after the training rows (at {series.time[row]}), whose values lie"
        f" between {facts.low[0]:.6g} and {facts.high[0]:.6g}: forecasts there are extrapolations."
    )


def row_notes(series: Series, filled: int, training: RowFacts) -> tuple[str, ...]:
    """Return notes on filled rows and on features that are constant in the training rows."""
    notes: tuple[str, ...] = ()
    if filled:
        notes += (
            f"{filled:,} of {len(series):,} rows miss a value: for inputs the last one observed is carried forward"
            " (before the first, the training mean); as targets they are never scored.",
        )
    for name in series.categories:
        missing = int(np.isnan(series.column(name)).sum())
        if missing:
            notes += (
                f"Column '{name}' is missing in {missing:,} rows, which count as a category of their own.",
            )
    names = [
        name
        for name, constant in zip(series.features, training.is_constant, strict=True)
        if constant and name not in series.categories
    ]
    if names:
        notes += (f"Constant in the training rows, kept with scale 1: {', '.join(names)}.",)
    return notes
