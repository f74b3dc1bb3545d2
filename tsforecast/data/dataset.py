"""From a series to what training needs: splits, leak check, scaling, filled inputs, truths and windows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tsforecast.context.options import ContextOptions
from tsforecast.context.summaries import CONTEXT
from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.categories import fit_categories
from tsforecast.data.context import choose_context
from tsforecast.data.leakage import check_future_covariates
from tsforecast.data.names import match_names
from tsforecast.data.scaled_rows import scale_rows
from tsforecast.data.scaling import DEFAULT, OBSERVED, Scaler, ScalerChoice, SeriesScaler
from tsforecast.data.series import Series
from tsforecast.data.soft_targets import SoftTargets
from tsforecast.data.splits import PARTS, Borders, borders, panel_ranges
from tsforecast.data.stored_rows import stored_scaled_rows
from tsforecast.data.windows import Windows, window_ends
from tsforecast.errors import UserError, nearest
from tsforecast.panels.ends import ends_of_series, first_and_stop
from tsforecast.panels.panel import as_ranges, join_ids, mask_rows, take_rows

MAX_FUTURE_CHANNELS = 512


@dataclass(frozen=True)
class ForecastDataset:
    """A series ready for windows.

    Args:
        series: Series of the source, with the notes of preparation added.
        inputs: ``[N, C']`` float32, scaled and filled, no NaN; C' counts the extra channels of observed masks and
            of future covariates.
        truths: ``[N, T]`` float32, scaled, NaN where unobserved.
        channels: the C' names; ``f@observed`` is 1 where feature f is observed and 0 where it is missing, ``f@+k``
            holds feature f of k rows later, and ``f@past.s`` a summary s of f up to the row, see ``context.summaries``.
        target_indices: the channels that are the targets.
        scaler: fitted on the training rows.
        borders: row ranges of training, validation and test; empty for a panel, whose series have their own.
        window: lookback, lead, horizon and stride.
        ranges: ``[3, S, 2]`` row ranges of the three splits in each series of a panel; None for one series.
        sampling: ``series`` if training draws each series equally often, else ``windows``.
        soft: what training windows have as targets instead of the truths; None for the truths.
    """

    series: Series
    inputs: np.ndarray
    truths: np.ndarray
    channels: tuple[str, ...]
    target_indices: tuple[int, ...]
    scaler: Scaler
    borders: Borders
    window: Mapping[str, int]
    ranges: np.ndarray | None = None
    sampling: str = "windows"
    soft: SoftTargets | None = None

    def split_ranges(self, split: str) -> np.ndarray:
        """Return the rows ``[S, 2]`` of a split in each series."""
        ranges: np.ndarray = as_ranges(self.parts)[PARTS.index(split)]
        return ranges

    @property
    def parts(self) -> Borders | np.ndarray:
        """The rows of the three splits: the borders of one series, or the ranges ``[3, S, 2]`` of many."""
        return self.borders if self.ranges is None else self.ranges

    def training_inputs(self) -> np.ndarray:
        """Return the inputs ``[n, C']`` of the training rows."""
        return take_rows(self.inputs, self.split_ranges("train"))

    def scaler_of(self, ends: np.ndarray) -> "Scaler | SeriesScaler":
        """Return the scaler of the windows whose last input rows are ``ends`` ``[n]``."""
        return self.scaler.of_series(self.series.series_of(ends))

    @property
    def channel_features(self) -> tuple[str, ...]:
        """The feature of each channel."""
        features = self.series.features
        return features + tuple(name.rpartition("@+")[0] for name in self.channels[len(features) :])

    @property
    def future_channels(self) -> tuple[int, ...]:
        """The channels of future covariates: those of all steps of the horizon for one after the other."""
        measured = len(self.series.features)
        return tuple(i for i, name in enumerate(self.channels) if i >= measured and "@+" in name)

    @property
    def number_channels(self) -> list[int]:
        """The channels that hold numbers rather than codes of categories."""
        categories = self.series.categories
        return [index for index, name in enumerate(self.channel_features) if name not in categories]

    @property
    def sequence_channels(self) -> list[int]:
        """The channels that hold numbers of their own step, without summaries of earlier rows."""
        return [index for index in self.number_channels if CONTEXT not in self.channels[index]]

    @property
    def measured_channels(self) -> list[int]:
        """The number channels whose course matters: no calendar, future covariates or features constant in a series."""
        panel, features = self.series.panel, self.series.features
        left_out = {*CALENDAR, *(panel.constant if panel is not None else ())}
        return [i for i in self.sequence_channels if i < len(features) and features[i] not in left_out]

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
        truths = self.truths if self.soft is None or split != "train" else self.soft.columns(self.truths)
        shape = {key: self.window[key] for key in ("lookback", "lead", "horizon")}
        if self.ranges is None:
            border = self.borders[PARTS.index(split)]
            ends = window_ends(border, **self.window, inside=split == "train")
        else:
            part = self.split_ranges(split)
            border = int(part[:, 0].min()), int(part[:, 1].max())
            ends = ends_of_series(part, self.series.bounds[:-1], **self.window, inside=split == "train")
        starts = self.series.bounds[:-1] if self.sampling == "series" and split == "train" else None
        return Windows(self.inputs, truths, ends, **shape, border=border, starts=starts).limited(limit)


def build_dataset(
    series: Series,
    *,
    lookback: int,
    lead: int,
    horizon: int,
    stride: int,
    split: Mapping[str, object] | np.ndarray,
    future_covariates: Sequence[str] = (),
    scaler: Scaler | None = None,
    choice: ScalerChoice = DEFAULT,
    context: ContextOptions | None = None,
    sampling: str = "windows",
) -> ForecastDataset:
    """Split, checks, scales and fills a series.

    Args:
        series: from a source.
        lookback: input steps of a window, at least 1.
        lead: steps from the last input to the first target, at least 1.
        horizon: target steps, at least 1.
        stride: rows from one window to the next, at least 1.
        split: fractions, rows or dates, see ``splits.borders``; or the ranges ``[3, S, 2]`` of a panel.
        future_covariates: features whose value at the targets' own times is fed in, as extra channels.
        scaler: Scaler of an existing model; None fits one on the training rows.
        choice: what to fit if there is none.
        context: summaries of the rows before a window, as further channels; None for none.
        sampling: ``series`` to draw each of many series equally often in training, ``windows`` each window.

    Raises:
        UserError: if no window fits a split, a covariate leaks the target, a feature has no training
            value, a target is constant in training or unobserved in a split, or the scaler has another kind of
            context.
    """
    window = {"lookback": lookback, "lead": lead, "horizon": horizon, "stride": stride}
    for key, value in window.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UserError(f"window.{key} is {value!r}: give a whole number of at least 1.")
    if choice.scaling.method == "seasonal" and (series.panel is None or choice.scaling.per == "all"):
        raise UserError("scaling=seasonal scales each of many series: set scaling=standard.")
    series, parts, ranges = _divide(series, split, window)
    train = slice(*parts[0]) if ranges is None else mask_rows(ranges[0], len(series))
    if scaler is None:
        series = fit_categories(series, train)
    covariates = tuple(dict.fromkeys(match_names(future_covariates, series.features)))
    warnings = check_future_covariates(series, covariates, train)
    if len(covariates) * horizon > MAX_FUTURE_CHANNELS:
        raise UserError(
            f"{len(covariates)} future covariates over window.horizon {horizon} make"
            f" {len(covariates) * horizon} extra channels, more than {MAX_FUTURE_CHANNELS}: choose"
            " fewer, or a shorter horizon."
        )
    target_indices = tuple(series.features.index(name) for name in series.targets)
    ahead = [(series.features.index(name), k) for name in covariates for k in range(lead, lead + horizon)]
    prepare = scale_rows if series.stored_range is None else stored_scaled_rows
    known = None if scaler is None else _arrange(scaler.of_features(len(series.features)), series, lookback)
    chosen = choose_context(context, lead, horizon, scaler)
    if ranges is None:
        rows = prepare(series, parts, known, target_indices, ahead, choice, chosen)
    else:
        rows = scale_rows(series, ranges, known, target_indices, ahead, choice, chosen)
    masks = tuple(f"{series.features[index]}{OBSERVED}" for index in rows.scaler.masked)
    future = tuple(f"{series.features[column]}@+{k}" for column, k in ahead)
    past = () if rows.scaler.context is None else rows.scaler.context.names
    return ForecastDataset(
        series=replace(series, notes=series.notes + rows.notes + warnings),
        inputs=rows.inputs,
        truths=rows.truths,
        channels=series.features + masks + future + past,
        target_indices=target_indices,
        scaler=rows.scaler.with_extra([column for column, _ in ahead]),
        borders=parts,
        window=window,
        ranges=ranges,
        sampling=sampling,
    )


def _divide(
    series: Series, split: Mapping[str, object] | np.ndarray, window: Mapping[str, int]
) -> tuple[Series, Borders, np.ndarray | None]:
    """Return a series, without those of a panel that are too short, and the borders of its splits or their ranges."""
    if series.panel is None and not isinstance(split, np.ndarray):
        parts = borders(split, series.clock.local(series.time))
        _check_room(parts, window, len(series))
        return series, parts, None
    ranges = split if isinstance(split, np.ndarray) else panel_ranges(split, series)
    shape = {name: window[name] for name in ("lookback", "lead", "horizon")}
    first, stop = first_and_stop(ranges[0], series.bounds[:-1], **shape, inside=True)
    kept = first < stop
    if not kept.all():
        series, ranges = _exclude(series, ranges, kept, window)
    for part, ranges_of_part in zip(PARTS[1:], ranges[1:], strict=True):
        if not len(ends_of_series(ranges_of_part, series.bounds[:-1], **window, inside=False)):
            raise UserError(
                f"No window fits the rows of data.split.{part} in any series: with window.horizon"
                f" {window['horizon']} it takes {window['horizon']:,}; lower it, or give more rows."
            )
    return series, (), ranges


def _exclude(
    series: Series, ranges: np.ndarray, kept: np.ndarray, window: Mapping[str, int]
) -> tuple[Series, np.ndarray]:
    """Return a panel without the series that have no training window, with a note that names them."""
    panel = series.panel
    if panel is None or not kept.any():
        needed = _rows_needed(window, "train")
        raise UserError(
            f"No series has the {needed:,} training rows that a window takes (window.lookback {window['lookback']},"
            f" window.lead {window['lead']}, window.horizon {window['horizon']}): lower these, or give longer series."
        )
    excluded = [name for name, keep in zip(panel.ids, kept, strict=True) if not keep]
    left, rows = panel.select(kept)
    note = (
        f"{len(excluded):,} of {len(panel):,} series are too short for a training window of"
        f" {_rows_needed(window, 'train'):,} rows and were left out: {join_ids(excluded)}."
    )
    moved = panel.bounds[:-1][kept] - left.bounds[:-1]
    series = replace(
        series, time=series.time[rows], values=series.values[rows], panel=left, notes=(*series.notes, note)
    )
    return series, ranges[:, kept] - moved[None, :, None]


def _arrange(scaler: Scaler, series: Series, lookback: int) -> Scaler:
    """Return the scaler of a model with the levels of the series at hand."""
    if scaler.levels is None or series.panel is None:
        return scaler
    ids, starts = series.panel.ids, series.panel.bounds[:-1]
    return replace(scaler, levels=scaler.levels.arrange(ids, series.values, starts, lookback))


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
