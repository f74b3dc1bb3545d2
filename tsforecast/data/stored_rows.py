"""Scaled rows in files that are mapped into memory: what ``scale_rows`` does, in pieces."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tsforecast.context.summaries import Context
from tsforecast.data.context import ContextChoice, fit_context
from tsforecast.data.leakage import check_context
from tsforecast.data.row_facts import RowFacts, moments
from tsforecast.data.scaled_rows import (
    Ahead,
    ScaledRows,
    add_future,
    check_range,
    check_rows,
    fill_rows,
    mask_notes,
    row_notes,
)
from tsforecast.data.scaling import DEFAULT, Scaler, ScalerChoice, check_observed, noise
from tsforecast.data.series import Series
from tsforecast.data.splits import Borders
from tsforecast.data.stored_series import digest
from tsforecast.storage.entries import find_or_build
from tsforecast.storage.rows import RowFile, chunks, map_rows

INPUTS, TRUTHS, FEATURES = "inputs.f32", "truths.f32", "features.f32"


def stored_scaled_rows(
    series: Series,
    parts: Borders,
    scaler: Scaler | None,
    targets: Sequence[int],
    ahead: Sequence[Ahead],
    choice: ScalerChoice = DEFAULT,
    context: ContextChoice | None = None,
) -> ScaledRows:
    """Return the scaled rows of a stored series; check, scale, fill and write them if they are not there.

    The arguments and errors are those of ``scale_rows``.
    """
    stored = series.stored
    if stored is None:
        raise ValueError("the series is in memory")
    given = None if scaler is None else scaler.to_dict()
    names = [series.features, series.targets]
    key = digest(
        rows=stored.key,
        range=series.stored_range,
        names=names,
        split=parts,
        scaler=given,
        ahead=list(ahead),
        **({"categories": dict(series.categories)} if series.categories else {}),
        **({} if choice == DEFAULT else {"choice": [vars(choice.scaling), choice.mask]}),
        **({} if context is None else {"context": [vars(context.options), *context[1:]]}),
    )

    def build(entry: Path) -> dict[str, Any]:
        training = check_rows(series, parts)
        used = scaler or _fit(series, parts[0], targets, training, choice)
        used, filled = _write(entry, series, used, ahead, context, parts[0])
        notes = row_notes(series, filled, training) + mask_notes(series, used, choice)
        notes += check_range(series, map_inputs(entry, used), np.array([parts[0][1]]))
        return {"scaler": used.to_dict(), "notes": notes}

    def map_inputs(entry: Path, scaler: Scaler, random: bool = False) -> np.ndarray:
        columns = len(series.features) + len(scaler.masked) + len(ahead) + scaler.context_channels
        return map_rows(entry / INPUTS, np.float32, (columns,), random)

    path, about = find_or_build(stored.folder, key, build)
    used = Scaler.from_dict(about["scaler"])
    inputs = map_inputs(path, used, random=True)
    truths = map_rows(path / TRUTHS, np.float32, (len(series.targets),), random=True)
    return ScaledRows(inputs, truths, used, tuple(about["notes"]))


def _fit(
    series: Series, train: tuple[int, int], targets: Sequence[int], facts: RowFacts, choice: ScalerChoice
) -> Scaler:
    """Return a fitted scaler; other methods than the standard one copy one column of the training rows at a time."""
    if not choice.is_standard:
        rows = series.values[slice(*train)]
        return Scaler.fit(rows, series.features, targets, choice, series.categories)
    scaler = fit_in_pieces(series, train, targets, facts)
    missing = facts.count < train[1] - train[0]
    masked = [i for i, name in enumerate(series.features) if missing[i] and name not in series.categories]
    return replace(scaler, masked=tuple(masked)) if choice.mask else scaler


def fit_in_pieces(series: Series, train: tuple[int, int], targets: Sequence[int], facts: RowFacts) -> Scaler:
    """Return a scaler with the exact mean and deviation of the training rows, without a copy of them.

    Raises:
        UserError: A feature has no training value.
    """
    for name, count in zip(series.features, facts.count, strict=True):
        check_observed(name, count)
    mean, deviation = moments(series.values, train)
    scale = np.where(deviation > noise(series.values.dtype) * np.abs(mean), deviation, 1.0)
    constant = facts.is_constant
    mean, scale = np.where(constant, facts.low, mean), np.where(constant, 1.0, scale)
    codes = [series.features.index(name) for name in series.categories]
    mean[codes], scale[codes] = 0.0, 1.0
    return Scaler(mean, scale, tuple(int(i) for i in targets))


def _write(
    entry: Path,
    series: Series,
    scaler: Scaler,
    ahead: Sequence[Ahead],
    choice: ContextChoice | None,
    train: tuple[int, int],
) -> tuple[Scaler, int]:
    """Write inputs and truths, and return the scaler with its context and the number of rows that were filled."""
    filled = 0
    last = np.full(
        (1, len(series.features)), np.nan
    )  # the last value of each feature that was observed so far
    has_more = bool(ahead) or choice is not None or scaler.context is not None
    features = entry / (FEATURES if has_more else INPUTS)
    with RowFile(features, np.float32) as inputs_file, RowFile(entry / TRUTHS, np.float32) as truths_file:
        for rows in chunks(0, len(series)):
            values = np.concatenate([last, series.values[rows]])
            inputs, truths, missing = fill_rows(replace(series, values=values, stored=None), scaler)
            inputs_file.append(inputs[1:])
            truths_file.append(truths[1:])
            filled += int(missing[1:].sum())
            last = _last_observed(values)
    if has_more:
        source = map_rows(features, np.float32, (len(series.features) + len(scaler.masked),))
        if scaler.context is None:
            scaler = replace(scaler, context=fit_context(choice, series, source, train))
        _write_more(entry, source, ahead, scaler.context)
        features.unlink()
    return scaler, filled


def _write_more(entry: Path, source: np.ndarray, ahead: Sequence[Ahead], context: Context | None) -> None:
    """Write the inputs: the rows of ``source``, their future values, and the context."""
    count = source.shape[1]
    with RowFile(entry / INPUTS, np.float32) as file:
        for rows in chunks(0, len(source)):
            inputs = np.empty((rows.stop - rows.start, count + len(ahead)), np.float32)
            inputs[:, :count] = source[rows]
            add_future(inputs, source, rows.start, ahead)
            if context is not None:
                known = source[max(0, rows.start - context.history) : rows.stop]
                past = context.compute(known)
                check_context(context, known, past)
                inputs = np.concatenate([inputs, past[len(past) - len(inputs) :]], axis=1)
            file.append(inputs)


def _last_observed(values: np.ndarray) -> np.ndarray:
    """Return the last value ``[1, C]`` of each column that is not NaN, NaN for a column without any."""
    back = np.argmin(np.isnan(values[::-1]), axis=0)
    row: np.ndarray = values[len(values) - 1 - back, np.arange(values.shape[1])][None]
    return row
