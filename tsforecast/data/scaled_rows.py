"""The rows of a series as models read them: scaled, filled, and with the future of what is known ahead."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tsforecast.data.categories import to_inputs
from tsforecast.data.filling import carry_forward
from tsforecast.data.row_facts import RowFacts
from tsforecast.data.scaling import Scaler
from tsforecast.data.series import Series
from tsforecast.data.splits import PARTS, Borders
from tsforecast.errors import UserError

Ahead = tuple[int, int]  # a feature's column, and the rows after which its value is wanted


class ScaledRows(NamedTuple):
    """Rows ready for windows.

    Args:
        inputs: ``[N, C']`` float32, scaled and filled, no NaN; the features, then one channel for each ``Ahead``.
        truths: ``[N, T]`` float32, scaled, NaN where unobserved.
        scaler: Scaler of the features.
        notes: What was done to the rows.
    """

    inputs: np.ndarray
    truths: np.ndarray
    scaler: Scaler
    notes: tuple[str, ...]


def scale_rows(
    series: Series, parts: Borders, scaler: Scaler | None, targets: Sequence[int], ahead: Sequence[Ahead]
) -> ScaledRows:
    """Check, scale and fill the rows of a series in memory.

    Args:
        series: The series.
        parts: Row ranges of training, validation and test.
        scaler: Scaler of an existing model; None fits one on the training rows.
        targets: Columns of the targets.
        ahead: Future values to add as channels.

    Raises:
        UserError: A feature has no training value, or a target is constant in training or unobserved in a split.
    """
    facts = check_rows(series, parts)
    scaler = scaler or Scaler.fit(
        series.values[slice(*parts[0])], series.features, targets, series.categories
    )
    inputs, truths, filled = fill_rows(series, scaler, len(ahead))
    add_future(inputs, inputs, 0, ahead)
    return ScaledRows(inputs, truths, scaler, row_notes(series, int(filled.sum()), facts))


def check_rows(series: Series, parts: Borders) -> RowFacts:
    """Check the targets in each split, and return the facts about the training rows.

    Raises:
        UserError: A target is constant in training or unobserved in a split.
    """
    facts = [RowFacts.of_rows(series.values, border) for border in parts]
    for target in series.targets:
        index = series.features.index(target)
        for name, (start, stop), fact in zip(PARTS, parts, facts, strict=True):
            if not fact.count[index]:
                raise UserError(
                    f"Target '{target}' has no value in data.split.{name} ({series.time[start]} to"
                    f" {series.time[stop - 1]}): move the split or choose another target."
                )
        if facts[0].is_constant[index]:
            raise UserError(
                f"Target '{target}' is constant in the training rows: there is nothing to learn;"
                " choose another target, or move data.split."
            )
    return facts[0]


def fill_rows(series: Series, scaler: Scaler, extra: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scale column by column (one float64 column at a time), leaving room for ``extra`` channels.

    Returns:
        Inputs ``[N, C + extra]``, truths ``[N, T]``, and whether a value was filled ``[N]``.
    """
    rows, features = series.values.shape
    inputs = np.empty((rows, features + extra), np.float32)
    truths = np.empty((rows, len(series.targets)), np.float32)
    filled = np.zeros(rows, bool)
    for index, name in enumerate(series.features):
        if name in series.categories:
            inputs[:, index] = to_inputs(series.values[:, index])
            continue
        scaled = scaler.transform(series.values[:, index], index)
        filled |= np.isnan(scaled)
        if name in series.targets:
            truths[:, series.targets.index(name)] = scaled
        # The training mean, 0 once scaled, stands in before the first observed value.
        inputs[:, index] = carry_forward(scaled, before=0.0)
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
