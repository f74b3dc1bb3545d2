"""From a series to what training needs: splits, leak check, scaling, filled inputs, truths and windows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tsforecast.data.filling import carry_forward
from tsforecast.data.leakage import check_future_covariates
from tsforecast.data.names import match_names
from tsforecast.data.scaling import Scaler
from tsforecast.data.series import Series
from tsforecast.data.splits import PARTS, Borders, borders
from tsforecast.data.windows import Windows, window_ends
from tsforecast.errors import UserError, nearest

MAX_FUTURE_CHANNELS = 512


@dataclass(frozen=True)
class ForecastDataset:
    """A series ready for windows.

    Args:
        series: Series of the source, with the notes of preparation added.
        inputs: ``[N, C']`` float32, scaled and filled, no NaN; C' counts the future covariates' extra
            channels.
        truths: ``[N, T]`` float32, scaled, NaN where unobserved.
        channels: the C' names; ``f@+k`` holds feature f of k rows later.
        target_indices: the channels that are the targets.
        scaler: fitted on the training rows.
        borders: row ranges of training, validation and test.
        window: lookback, lead, horizon and stride.
    """

    series: Series
    inputs: np.ndarray
    truths: np.ndarray
    channels: tuple[str, ...]
    target_indices: tuple[int, ...]
    scaler: Scaler
    borders: Borders
    window: Mapping[str, int]

    def windows(self, split: str, *, limit: int | None = None) -> Windows:
        """Return the windows of ``train``, ``val`` or ``test``.

        Args:
            split: a window belongs to it when all its targets lie in it. Training windows lie in the
                training rows altogether; inputs of the others may reach back over the border, into what is
                then the past.
            limit: that many windows evenly spaced over the split; None for all.

        Raises:
            UserError: if ``split`` is none of the three.
        """
        if split not in PARTS:
            raise UserError(f"There is no split '{split}'.{nearest(split, PARTS)} Choose train, val or test.")
        border = self.borders[PARTS.index(split)]
        shape = {key: self.window[key] for key in ("lookback", "lead", "horizon")}
        ends = window_ends(border, **self.window, inside=split == "train")
        return Windows(self.inputs, self.truths, ends, **shape, border=border).limited(limit)


def build_dataset(
    series: Series,
    *,
    lookback: int,
    lead: int,
    horizon: int,
    stride: int,
    split: Mapping[str, object],
    future_covariates: Sequence[str] = (),
    scaler: Scaler | None = None,
) -> ForecastDataset:
    """Split, checks, scales and fills a series.

    Args:
        series: from a source.
        lookback: input steps of a window, at least 1.
        lead: steps from the last input to the first target, at least 1.
        horizon: target steps, at least 1.
        stride: rows from one window to the next, at least 1.
        split: fractions, rows or dates, see ``splits.borders``.
        future_covariates: features whose value at the targets' own times is fed in, as extra channels.
        scaler: Scaler of an existing model; None fits one on the training rows.

    Raises:
        UserError: if no window fits a split, a covariate leaks the target, a feature has no training
            value, or a target is constant in training or unobserved in a split.
    """
    window = {"lookback": lookback, "lead": lead, "horizon": horizon, "stride": stride}
    for key, value in window.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UserError(f"window.{key} is {value!r}: give a whole number of at least 1.")
    parts = borders(split, series.time)
    _check_room(parts, window, len(series))
    _check_targets(series, parts)
    train = slice(*parts[0])
    covariates = tuple(dict.fromkeys(match_names(future_covariates, series.features)))
    warnings = check_future_covariates(series, covariates, train)
    if len(covariates) * horizon > MAX_FUTURE_CHANNELS:
        raise UserError(
            f"{len(covariates)} future covariates over window.horizon {horizon} make"
            f" {len(covariates) * horizon} extra channels, more than {MAX_FUTURE_CHANNELS}: choose"
            " fewer, or a shorter horizon."
        )
    target_indices = tuple(series.features.index(name) for name in series.targets)
    scaler = _select_scaler(scaler, len(series.features)) or Scaler.fit(
        series.values[train], series.features, target_indices
    )
    inputs, truths, notes = _scale_and_fill(series, scaler, len(covariates) * horizon)
    extra, scaler = _add_future(inputs, series.features, covariates, scaler, lead, horizon)
    notes += _constant_notes(series, train) + warnings
    return ForecastDataset(
        series=replace(series, notes=series.notes + notes),
        inputs=inputs,
        truths=truths,
        channels=series.features + extra,
        target_indices=target_indices,
        scaler=scaler,
        borders=parts,
        window=window,
    )


def _select_scaler(scaler: Scaler | None, features: int) -> Scaler | None:
    """Return the part of a model's scaler that belongs to the series' own features, which come first."""
    if scaler is None:
        return None
    return Scaler(scaler.mean[:features], scaler.scale[:features], scaler.target_indices)


def _scale_and_fill(
    series: Series, scaler: Scaler, extra: int
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Scale column by column (one float64 column at a time), leaving room for ``extra`` channels."""
    rows, features = series.values.shape
    inputs = np.empty((rows, features + extra), np.float32)
    truths = np.empty((rows, len(series.targets)), np.float32)
    filled = np.zeros(rows, bool)
    for index, name in enumerate(series.features):
        scaled = scaler.transform(series.values[:, index], index)
        filled |= np.isnan(scaled)
        if name in series.targets:
            truths[:, series.targets.index(name)] = scaled
        # The training mean, 0 once scaled, stands in before the first observed value.
        inputs[:, index] = carry_forward(scaled, before=0.0)
    count = int(filled.sum())
    note = (
        f"{count:,} of {rows:,} rows miss a value: for inputs the last one observed is carried forward"
        " (before the first, the training mean); as targets they are never scored."
    )
    return inputs, truths, (note,) if count else ()


def _add_future(
    inputs: np.ndarray,
    features: tuple[str, ...],
    covariates: tuple[str, ...],
    scaler: Scaler,
    lead: int,
    horizon: int,
) -> tuple[tuple[str, ...], Scaler]:
    """Writes the covariates of lead..lead+horizon-1 rows later; returns channel names and scaler.

    The last rows, whose future is not in the data, hold the last value; no window reaches them with targets.
    """
    names: list[str] = []
    columns: list[int] = []
    for feature in covariates:
        column = features.index(feature)
        for ahead in range(lead, lead + horizon):
            later = np.minimum(np.arange(len(inputs)) + ahead, len(inputs) - 1)
            inputs[:, len(features) + len(names)] = inputs[later, column]
            names.append(f"{feature}@+{ahead}")
            columns.append(column)
    chosen = [*range(len(features)), *columns]
    return tuple(names), Scaler(scaler.mean[chosen], scaler.scale[chosen], scaler.target_indices)


def _check_room(parts: Borders, window: Mapping[str, int], rows: int) -> None:
    for name, border in zip(PARTS, parts, strict=True):
        if not len(window_ends(border, **window, inside=name == "train")):
            raise UserError(
                f"No window fits the {border[1] - border[0]:,} rows of data.split.{name} (of {rows:,}):"
                f" with window.lookback {window['lookback']}, window.lead {window['lead']} and"
                f" window.horizon {window['horizon']} it takes {_rows_needed(window, name):,};"
                " lower these, or give more rows."
            )


def _rows_needed(window: Mapping[str, int], part: str) -> int:
    reach = window["lookback"] + window["lead"] - 1 if part == "train" else 0
    return reach + window["horizon"]


def _check_targets(series: Series, parts: Borders) -> None:
    for target in series.targets:
        for name, (start, stop) in zip(PARTS, parts, strict=True):
            if np.isnan(series.column(target)[start:stop]).all():
                raise UserError(
                    f"Target '{target}' has no value in data.split.{name} ({series.time[start]} to"
                    f" {series.time[stop - 1]}): move the split or choose another target."
                )
        if _is_constant(series.column(target)[slice(*parts[0])]):
            raise UserError(
                f"Target '{target}' is constant in the training rows: there is nothing to learn;"
                " choose another target, or move data.split."
            )


def _constant_notes(series: Series, train: slice) -> tuple[str, ...]:
    names = [name for name in series.features if _is_constant(series.column(name)[train])]
    return (f"Constant in the training rows, kept with scale 1: {', '.join(names)}.",) if names else ()


def _is_constant(column: np.ndarray) -> bool:
    return bool(np.nanmin(column) == np.nanmax(column))
