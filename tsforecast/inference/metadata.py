"""Inputs, outputs, units and scaling of a saved forecaster; NumPy only."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsforecast.data.calendar_features import CALENDAR, calendar
from tsforecast.data.scaling import Scaler
from tsforecast.errors import UserError, nearest

_AHEAD = re.compile(r"(.+)@\+(\d+)")
# A channel that follows from others by a formula of its data set -> those others, and the formula.
DERIVED: dict[str, tuple[tuple[str, ...], Callable[..., np.ndarray]]] = {
    "unmetered_energy": (
        ("global_active_power", "sub_metering_1", "sub_metering_2", "sub_metering_3"),
        lambda power, *sub: power * (1000 / 60) - sub[0] - sub[1] - sub[2],
    )
}


@dataclass(frozen=True)
class Channel:
    """One input of a model: ``feature`` of ``ahead`` rows later (0: the row itself)."""

    name: str
    feature: str
    ahead: int

    @classmethod
    def of(cls, name: str) -> "Channel":
        """Reads a channel's name, such as ``load`` or ``day_of_week_sin@+10``."""
        found = _AHEAD.fullmatch(name)
        return cls(name, found[1], int(found[2])) if found else cls(name, name, 0)

    @property
    def from_time(self) -> bool:
        """Whether the time alone gives it."""
        return self.feature in CALENDAR


@dataclass(frozen=True)
class ModelMetadata:
    """Shape, names, units and scaling of a forecaster.

    Args:
        channels: the C inputs, in their order.
        targets: the T names.
        target_indices: of the targets among the channels.
        unit: of the targets, empty if unknown or mixed.
        step: seconds from one row to the next.
        lookback: L, rows in.
        lead: rows from the last one in to the first one out.
        horizon: H, rows out.
        quantile_levels: Q rising levels with 0.5 among them, or None.
        scaler: fitted on the model's training rows.
        thresholds: ``[T]`` rise over the last known value that makes a spike, in the unit; NaN where there is none.
        members: names of an ensemble's members, or none.
    """

    channels: tuple[Channel, ...]
    targets: tuple[str, ...]
    target_indices: tuple[int, ...]
    unit: str
    step: int
    lookback: int
    lead: int
    horizon: int
    quantile_levels: tuple[float, ...] | None
    scaler: Scaler
    thresholds: tuple[float, ...]
    members: tuple[str, ...] = ()

    @classmethod
    def from_model(cls, model: Any) -> "ModelMetadata":
        """Read the ``task`` and the ``metadata`` of a ``Forecaster`` or an ``Estimator``.

        Raises:
            UserError: The metadata lacks what a model needs to be used without its run.
        """
        return cls.from_task(model.task, model.metadata)

    @classmethod
    def from_task(cls, task: Any, metadata: Mapping[str, Any]) -> "ModelMetadata":
        """Read a task and the metadata stored with a model.

        Args:
            task: Window and targets of the model, a ``models.forecaster.Task``.
            metadata: Channels, targets, unit, step, scaler and thresholds, as ``model.metadata`` holds them.

        Raises:
            UserError: The metadata lacks what a model needs to be used without its run.
        """
        lacking = [
            name for name in ("channels", "targets", "step_seconds", "scaler") if not metadata.get(name)
        ]
        if lacking:
            raise UserError(
                f"The saved model's metadata lacks {', '.join(lacking)}: train it again with this version."
            )
        spike = metadata.get("spike") or {}
        thresholds = spike.get("threshold") or [None] * len(metadata["targets"])
        return cls(
            channels=tuple(Channel.of(name) for name in metadata["channels"]),
            targets=tuple(metadata["targets"]),
            target_indices=tuple(task.target_indices),
            unit=metadata.get("unit") or "",
            step=int(metadata["step_seconds"]),
            lookback=task.lookback,
            lead=task.lead,
            horizon=task.horizon,
            quantile_levels=task.quantile_levels and tuple(task.quantile_levels),
            scaler=Scaler.from_dict(metadata["scaler"]),
            thresholds=tuple(float("nan") if value is None else float(value) for value in thresholds),
            members=tuple(metadata.get("members") or ()),
        )

    @property
    def features(self) -> tuple[str, ...]:
        """The features that rows must bring, in the channels' order: all but those that time or a formula gives."""
        names = dict.fromkeys(channel.feature for channel in self.channels if not channel.from_time)
        return tuple(name for name in names if not self._derivable(name, names))

    @property
    def known_names(self) -> tuple[str, ...]:
        """Every feature that rows may bring."""
        return tuple(dict.fromkeys(channel.feature for channel in self.channels))

    @property
    def reach(self) -> int:
        """How many rows behind a window's last one must be known for its future covariates; 0 as a rule."""
        return max((channel.ahead for channel in self.channels if not channel.from_time), default=0)

    @property
    def rows_in(self) -> int:
        """Rows that a window must bring: the lookback, and those behind it that future covariates are read from."""
        return self.lookback + self.reach

    def check_features(self, given: Sequence[str], where: str, near: Sequence[str] = ()) -> None:
        """Refuses features that are missing, double or unknown.

        Args:
            given: their names.
            where: how the sentence begins.
            near: more names, among which a missing one may be misspelt.

        Raises:
            UserError: the first that is wrong.
        """
        for name in given:
            if name not in self.known_names:
                raise UserError(f"{where}: unknown feature '{name}'.{nearest(str(name), self.known_names)}")
            if list(given).count(name) > 1:
                raise UserError(f"{where}: feature '{name}' is given twice.")
        missing = [name for name in self.features if name not in given]
        if missing:
            raise UserError(
                f"{where}: feature '{missing[0]}' is missing.{nearest(missing[0], [*given, *near])} "
                f"The model needs {', '.join(self.features)}."
            )

    def rows(self, time: np.ndarray, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """All features ``[N, F]`` in the order of ``known_names``.

        Args:
            time: ``[N]`` datetime64[s].
            columns: feature -> ``[N]`` in its unit, NaN where missing; what is given goes before what is derived.
        """
        out = np.empty((len(time), len(self.known_names)), np.float64)
        from_time = calendar(time) if any(channel.from_time for channel in self.channels) else None
        for index, name in enumerate(self.known_names):
            if name in columns:
                out[:, index] = columns[name]
            elif from_time is not None and name in CALENDAR:
                out[:, index] = from_time[:, CALENDAR.index(name)]
            else:
                sources, formula = DERIVED[name]
                out[:, index] = formula(*(np.asarray(columns[source], np.float64) for source in sources))
        return out

    def inputs(self, time: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Scaled channels float32 ``[N - reach, C]``, with NaN where ``rows`` has it.

        Args:
            time: ``[N]`` datetime64[s], one step apart.
            rows: ``[N, F]`` as ``rows`` gave them.
        """
        count = len(time) - self.reach
        out = np.empty((count, len(self.channels)), np.float32)
        for index, channel in enumerate(self.channels):
            if channel.from_time and channel.ahead:
                later = time[:count] + np.timedelta64(channel.ahead * self.step, "s")
                column = calendar(later)[:, CALENDAR.index(channel.feature)].astype(np.float64)
            else:
                column = rows[:, self.known_names.index(channel.feature)][channel.ahead :][:count]
            out[:, index] = self.scaler.transform(column, index)
        return out

    def target_times(self, made_at: np.ndarray) -> np.ndarray:
        """The times ``[n, H]`` that forecasts made at ``made_at`` ``[n]`` are of."""
        ahead = np.arange(self.lead, self.lead + self.horizon) * np.timedelta64(self.step, "s")
        return made_at[:, None] + ahead

    def _derivable(self, name: str, names: Mapping[str, Any]) -> bool:
        return name in DERIVED and name not in self.targets and all(n in names for n in DERIVED[name][0])
