"""Inputs, outputs, units and scaling of a saved forecaster; NumPy and PyArrow only."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tsforecast.context.summaries import CONTEXT
from tsforecast.data.calendar_features import CALENDAR, calendar
from tsforecast.data.categories import to_inputs
from tsforecast.data.derived import Derived, derive
from tsforecast.data.scaling import MAX_SCALED, OBSERVED, Scaler
from tsforecast.errors import UserError, nearest
from tsforecast.metrics.naive_errors import NaiveErrors
from tsforecast.panels.levels import standard_level
from tsforecast.times.clock import Clock
from tsforecast.times.frequency import Frequency
from tsforecast.times.time_grid import TimeGrid

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.models.protocol import Model
    from tsforecast.models.task import Task
    from tsforecast.reading.recipe import ReadingRecipe

_AHEAD = re.compile(r"(.+)@\+(\d+)")


@dataclass(frozen=True)
class Channel:
    """One input of a model: a feature, read some rows ahead.

    Args:
        name: Name of the channel.
        feature: Name of the feature.
        ahead: Rows between the window's row and the one that is read; 0: the row itself.
        is_mask: Whether the channel is 1 where the feature is observed, and 0 where it is missing.
        is_context: Whether the channel summarizes the feature in earlier rows, see ``context.summaries``.

    Example:
        >>> Channel.from_name("day_of_week_sin@+10")
        Channel(name='day_of_week_sin@+10', feature='day_of_week_sin', ahead=10, is_mask=False, is_context=False)
    """

    name: str
    feature: str
    ahead: int
    is_mask: bool = False
    is_context: bool = False

    @classmethod
    def from_name(cls, name: str) -> "Channel":
        """Parse a channel's name, for example ``load``, ``load@observed`` or ``day_of_week_sin@+10``."""
        if name.endswith(OBSERVED):
            return cls(name, name.removesuffix(OBSERVED), 0, is_mask=True)
        if CONTEXT in name:
            return cls(name, name.partition(CONTEXT)[0], 0, is_context=True)
        match = _AHEAD.fullmatch(name)
        return cls(name, match[1], int(match[2])) if match else cls(name, name, 0)

    @property
    def from_time(self) -> bool:
        """Whether the time alone determines the channel."""
        return self.feature in CALENDAR


@dataclass(frozen=True)
class ModelMetadata:
    """Shape, names, units and scaling of a forecaster.

    Args:
        channels: The C inputs, in order.
        targets: The T names of the targets.
        target_indices: Positions of the targets among the channels.
        unit: Unit of the targets, empty if unknown or mixed.
        grid: Grid of the times of rows.
        lookback: Number of input rows L.
        lead: Rows from the last input row to the first forecast one.
        horizon: Number of forecast rows H.
        quantile_levels: Q rising levels that include 0.5, or None.
        scaler: Scaler fitted on the model's training rows.
        thresholds: Rise ``[T]`` over the last known value that makes a spike, in the unit; of many series relative to
            their spreads, see `with_level`; NaN if there is none.
        members: Names of an ensemble's members, or none.
        derived: Features that are computed from others if rows do not bring them.
        recipe: How the training data were read, for files to forecast from; None if nothing was decided.
        panel: ``has_clock``, ``static`` and ``name`` of the ``Panel`` of a model of many series; None for one series.
        naive_errors: Errors of the seasonal naive forecast, for MASE; None for models of before they were stored.

    Example:
        >>> from tsforecast.models.task import Task
        >>> task = Task(lookback=8, channels=1, lead=3, horizon=2, target_indices=(0,))
        >>> scaler = {"mean": [2.0], "scale": [0.5], "target_indices": [0]}
        >>> stored = {"channels": ["load"], "targets": ["load"], "step_seconds": 60, "scaler": scaler}
        >>> metadata = ModelMetadata.from_task(task, stored)
        >>> metadata.target_times(np.array(["2024-01-01T00:00"], "datetime64[s]")).tolist()[0][0].isoformat()
        '2024-01-01T00:03:00'
    """

    channels: tuple[Channel, ...]
    targets: tuple[str, ...]
    target_indices: tuple[int, ...]
    unit: str
    grid: TimeGrid
    lookback: int
    lead: int
    horizon: int
    quantile_levels: tuple[float, ...] | None
    scaler: Scaler
    thresholds: tuple[float, ...]
    members: tuple[str, ...] = ()
    derived: Derived = field(default_factory=dict)
    recipe: "ReadingRecipe | None" = None
    panel: Mapping[str, Any] | None = None
    naive_errors: NaiveErrors | None = None

    @classmethod
    def from_model(cls, model: "Model") -> "ModelMetadata":
        """Read the ``task`` and the ``metadata`` of a ``Forecaster`` or an ``Estimator``.

        Raises:
            UserError: The metadata lacks what a model needs to be used without its run.
        """
        return cls.from_task(model.task, model.metadata)

    @classmethod
    def from_task(cls, task: "Task", metadata: Mapping[str, Any]) -> "ModelMetadata":
        """Read a task and the metadata stored with a model.

        Args:
            task: Window and targets of the model, a ``models.forecaster.Task``.
            metadata: Channels, targets, unit, step, scaler and thresholds, as ``model.metadata`` holds them.

        Raises:
            UserError: The metadata lacks what a model needs to be used without its run.
        """
        missing = [
            name for name in ("channels", "targets", "step_seconds", "scaler") if not metadata.get(name)
        ]
        if missing:
            raise UserError(
                f"The saved model's metadata lacks {', '.join(missing)}: train it again with this version."
            )
        spike = metadata.get("spike") or {}
        naive = metadata.get("naive_errors")
        thresholds = spike.get("threshold") or [None] * len(metadata["targets"])
        return cls(
            channels=tuple(Channel.from_name(name) for name in metadata["channels"]),
            targets=tuple(metadata["targets"]),
            target_indices=tuple(task.target_indices),
            unit=metadata.get("unit") or "",
            grid=_grid(metadata),
            lookback=task.lookback,
            lead=task.lead,
            horizon=task.horizon,
            quantile_levels=task.quantile_levels and tuple(task.quantile_levels),
            scaler=Scaler.from_dict(metadata["scaler"]),
            thresholds=tuple(float("nan") if value is None else float(value) for value in thresholds),
            members=tuple(metadata.get("members") or ()),
            derived=_derived(metadata),
            recipe=_recipe(metadata),
            panel=metadata.get("panel"),
            naive_errors=None if naive is None else NaiveErrors.from_dict(naive),
        )

    def with_level(self, shift: np.ndarray, width: np.ndarray) -> "ModelMetadata":
        """Return the metadata of one series of a model of many, whose values are relative to its level.

        Args:
            shift: ``[C]`` location of each channel.
            width: ``[C]`` spread of each channel.
        """
        wide = np.asarray(width, np.float64)[list(self.target_indices)]
        thresholds = tuple((np.array(self.thresholds) * wide).tolist())
        return replace(self, scaler=self.scaler.with_level(shift, width), thresholds=thresholds)

    def level_of(self, columns: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the level ``[C]`` twice, shift and width, of a series that the model does not know.

        Args:
            columns: Feature -> its values in the first window of the series, NaN where missing.
        """
        count = len(self.scaler.mean)
        shift, width = np.zeros(count), np.ones(count)
        for index in self.scaler.levels.columns if self.scaler.levels is not None else ():
            column = columns.get(self.channels[index].feature)
            if column is not None:
                shift[index], width[index] = standard_level(column)
        return shift, width

    def without_level(self) -> "ModelMetadata":
        """Return the metadata whose values are relative to the levels of their series; of one series, its own."""
        count = len(self.scaler.mean)
        return self if self.scaler.levels is None else self.with_level(np.zeros(count), np.ones(count))

    @property
    def clock(self) -> Clock:
        """What the times of rows mean."""
        return self.recipe.clock if self.recipe is not None else Clock()

    @property
    def step(self) -> int:
        """Seconds from one row to the next, on average for months and business days."""
        return self.grid.step.seconds

    @cached_property
    def numbers_steps(self) -> bool:
        """Whether times number the steps of each series, rather than being those of a clock."""
        return self.panel is not None and not self.panel.get("has_clock", True)

    def step_numbers(self, time: np.ndarray) -> np.ndarray:
        """Return the numbers int64 of the steps that times datetime64[s] without a clock stand for."""
        numbers: np.ndarray = time.astype("datetime64[s]").astype(np.int64) // self.step
        return numbers

    def format_times(self, time: np.ndarray) -> list[str | int]:
        """Return times ``[N]`` datetime64[s] as requests have them: in ISO 8601, or the numbers of steps."""
        if self.numbers_steps:
            numbers: list[str | int] = self.step_numbers(time).tolist()
            return numbers
        return [*self.clock.format(time)]

    def times_to_arrow(self, time: np.ndarray) -> pa.Array:
        """Return times ``[N]`` datetime64[s] as tables have them: timestamps, or the numbers of steps."""
        return pa.array(self.step_numbers(time)) if self.numbers_steps else self.clock.to_arrow(time)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The features that rows must contain, in the channels' order; the others follow from the time or a formula."""
        names = dict.fromkeys(channel.feature for channel in self.channels if not channel.from_time)
        return tuple(name for name in names if not self._is_derived(name, names))

    @cached_property
    def all_features(self) -> tuple[str, ...]:
        """Every feature that rows may contain."""
        return tuple(dict.fromkeys(channel.feature for channel in self.channels))

    @property
    def categories(self) -> Mapping[str, tuple[str, ...]]:
        """The features that are categories -> those categories, in the order of their codes."""
        return self.recipe.categories if self.recipe else {}

    @property
    def masked_features(self) -> tuple[str, ...]:
        """The features whose observed mask is an input, so that the model can tell missing values."""
        return tuple(channel.feature for channel in self.channels if channel.is_mask)

    @cached_property
    def reach(self) -> int:
        """Rows after a window's last one that must be known for its future covariates; usually 0."""
        return max((channel.ahead for channel in self.channels if not channel.from_time), default=0)

    @property
    def history(self) -> int:
        """Rows before a window that its context depends on; 0 without a context."""
        return self.scaler.history

    @property
    def input_rows(self) -> int:
        """Rows that a forecast is made from: the history, the lookback, and those after it of future covariates."""
        return self.history + self.lookback + self.reach

    def check_features(self, names: Sequence[str], where: str, near: Sequence[str] = ()) -> None:
        """Check that no feature is missing, repeated or unknown.

        Args:
            names: Names of the features.
            where: Beginning of the message.
            near: More names, one of which may be a misspelling of a missing one.

        Raises:
            UserError: The first feature that is wrong.
        """
        for name in names:
            if name not in self.all_features:
                raise UserError(f"{where}: unknown feature '{name}'.{nearest(str(name), self.all_features)}")
            if list(names).count(name) > 1:
                raise UserError(f"{where}: feature '{name}' is given twice.")
        missing = [name for name in self.features if name not in names]
        if missing:
            raise UserError(
                f"{where}: feature '{missing[0]}' is missing.{nearest(missing[0], [*names, *near])} "
                f"The model needs {', '.join(self.features)}."
            )

    def rows(self, time: np.ndarray, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return all features ``[N, F]`` in the order of ``all_features``.

        Args:
            time: Time datetime64[s] of each row ``[N]``.
            columns: Feature -> values ``[N]`` in its unit, or codes of its categories, NaN where missing. A feature
                that is not among them is derived from the time or from others.
        """
        out = np.empty((len(time), len(self.all_features)), np.float64)
        from_time = [name for name in self.all_features if name in CALENDAR and name not in columns]
        calendar_columns = calendar(self.clock.local(time), from_time)
        for index, name in enumerate(self.all_features):
            if name in columns:
                out[:, index] = columns[name]
            elif name in from_time:
                out[:, index] = calendar_columns[:, from_time.index(name)]
            else:
                weights = self.derived[name]
                out[:, index] = derive(
                    weights, {key: np.asarray(columns[key], np.float64) for key in weights}
                )
        return out

    def inputs(self, time: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the scaled channels float32 ``[N - reach, C]``, NaN where a feature is missing; masks are 0 or 1.

        Channels of the context are 0: ``add_context`` writes them once the others are filled.

        Args:
            time: Time datetime64[s] of each row ``[N]``, one step apart.
            rows: Features ``[N, F]``, as the method ``rows`` returned them.
        """
        count = len(time) - self.reach
        out = np.empty((count, len(self.channels)), np.float32)
        with np.errstate(over="ignore"):  # what overflows is refused by check_range
            self._write_inputs(out, time, rows)
        return out

    def check_range(self, inputs: np.ndarray, time: np.ndarray, rows: np.ndarray) -> None:
        """Refuse values that are too far from the training rows for single precision.

        Args:
            inputs: Scaled channels ``[N - reach, C]`` of rows, as the method ``inputs`` returned them.
            time: Time of each row.
            rows: Features ``[N, F]``, as the method ``rows`` returned them.

        Raises:
            UserError: The first such value.
        """
        bad = np.argwhere(np.abs(inputs) > MAX_SCALED)
        if len(bad):
            row, channel = int(bad[0][0]), self.channels[int(bad[0][1])]
            value = rows[row + channel.ahead, self.all_features.index(channel.feature)]
            raise UserError(
                f"'{channel.feature}' is {value:.6g} at {time[row + channel.ahead]}, too far from its training values"
                " for single precision."
            )

    def _write_inputs(self, out: np.ndarray, time: np.ndarray, rows: np.ndarray) -> None:
        count = len(out)
        for index, channel in enumerate(self.channels):
            if channel.is_context:
                out[:, index] = 0.0
                continue
            if channel.from_time and channel.ahead:
                later = self.grid.shift(time[:count], channel.ahead)
                column = calendar(self.clock.local(later), (channel.feature,))[:, 0].astype(np.float64)
            else:
                column = rows[:, self.all_features.index(channel.feature)][channel.ahead :][:count]
            if channel.is_mask:
                out[:, index] = ~np.isnan(column)
                continue
            if channel.feature in self.categories:
                column = to_inputs(column)
            out[:, index] = self.scaler.transform(column, index)

    def add_context(self, inputs: np.ndarray, first: int = 0) -> None:
        """Write the context into its channels.

        Args:
            inputs: Scaled channels ``[N, C]`` of consecutive rows, filled.
            first: First row to write; the rows before it are only read.
        """
        context = self.scaler.context
        if context is not None and first < len(inputs):
            start = max(0, first - context.history)
            inputs[first:, -len(context.names) :] = context.compute(inputs[start:])[first - start :]

    def target_times(self, made_at: np.ndarray) -> np.ndarray:
        """Return the times ``[n, H]`` that are forecast at the times ``made_at`` ``[n]``."""
        return self.grid.shift(made_at[:, None], np.arange(self.lead, self.lead + self.horizon))

    def _is_derived(self, name: str, names: Mapping[str, Any]) -> bool:
        sources = self.derived.get(name, {})
        return bool(sources) and name not in self.targets and all(source in names for source in sources)


def _recipe(metadata: Mapping[str, Any]) -> "ReadingRecipe | None":
    if metadata.get("recipe") is None:
        return None
    from tsforecast.reading.recipe import ReadingRecipe

    return ReadingRecipe.from_dict(metadata["recipe"])


def _grid(metadata: Mapping[str, Any]) -> TimeGrid:
    """Return the grid; models of before have the seconds of a step alone."""
    if metadata.get("grid") is not None:
        return TimeGrid.from_dict(metadata["grid"])
    return TimeGrid(Frequency(int(metadata["step_seconds"])))


def _derived(metadata: Mapping[str, Any]) -> Derived:
    """Return the derived features of a saved model; files of version 0.1 have those of household power by name."""
    if "derived" in metadata:
        derived: Derived = metadata["derived"]
        return derived
    from tsforecast.data.sources.household_power import DERIVED

    return DERIVED


def describe_data(
    dataset: "ForecastDataset", spike: Mapping[str, Sequence[float | None]] | None = None
) -> dict[str, Any]:
    """Return names, units and scaling of the data, which a saved model needs to be used alone.

    Args:
        dataset: The data that the model is trained on.
        spike: ``threshold`` and ``threshold_scaled`` of each target.
    """
    series = dataset.series
    return {
        "channels": list(dataset.channels),
        "targets": list(series.targets),
        "unit": series.unit,
        "step_seconds": series.step,
        "grid": series.grid.to_dict(),
        "scaler": dataset.scaler.to_dict(),
        "spike": spike,
        "recipe": None if series.recipe is None else series.recipe.to_dict(),
        "derived": {name: dict(weights) for name, weights in series.derived.items()},
        **({} if series.panel is None else {"panel": series.panel.describe()}),
    }
