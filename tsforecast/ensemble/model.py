"""The ensemble: several forecasters as one graph, their forecasts weighted window by window."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tsforecast.data.windows import Windows
from tsforecast.ensemble.delayed_errors import known_count, recent_errors, squared_errors
from tsforecast.ensemble.layers import (
    FixedWeights,
    GatingWeights,
    RecentErrors,
    SpikeOdds,
    Weighted,
    WindowContent,
)
from tsforecast.ensemble.online import online_weights
from tsforecast.errors import UserError
from tsforecast.models.forecaster import Forecaster
from tsforecast.models.task import Task

WEIGHTINGS = ("equal", "inverse_error", "static", "gating", "online")
WARM_UP = 10_000  # windows before a stretch that are forecast too, for what was known when it began
SPIKE_WEIGHT = (
    0.5  # of the spike head's cross-entropy beside the value's loss in fine-tuning, as in the spike detector
)

Outputs = dict[str, np.ndarray]


@keras.saving.register_keras_serializable(package="tsforecast")
class Ensemble(Forecaster):
    """Members that share their input, and weights for them that are non-negative and sum to one.

    The output is a dict, all float32: ``forecast`` scaled ``[B, H, T(, Q)]``, ``weights`` ``[B, M]``, ``members``
    ``[B, M, H, T(, Q)]``, ``content`` ``[B, F]`` (see ``WindowContent``); where members have spike heads their logits
    ``member_spikes`` ``[B, S, H, T]``; with thresholds the ensemble's own, ``spike`` ``[B, H, T]``.

    Called on windows alone it weights them by what it was last told of past errors. ``in_time`` walks through a stretch
    of time, and uses for each window what was known by then.

    Args:
        task: of every member.
        members: M forecasters of that task; after loading, their configs.
        names: M names.
        weighting: ``equal``, ``inverse_error`` and ``static`` weights stay as they are; ``gating`` sets them by a small
            network from the window and the members' recent known errors; ``online`` follows the known errors.
        gate_units: width of the gating network and of the spike head.
        half_lives: K spans in windows of the recent errors that the gating network is told.
        thresholds: the scaled rise that makes a spike for each target, or None for no spike head.
        online: ``rate``, ``share`` and ``scale``, see ``online_weights``; needed for that weighting.

    Raises:
        UserError: there are no members, or one has another task.
        ValueError: the weighting is none of the five.

    Source: Bates & Granger (1969) for the idea; the layers and functions that set the weights name their own.
    """

    def __init__(
        self,
        task: Task,
        members: Sequence[Any] = (),
        names: Sequence[str] = (),
        weighting: str = "gating",
        gate_units: int = 32,
        half_lives: Sequence[float] = (30.0, 1440.0),
        thresholds: Sequence[float] | None = None,
        online: dict[str, float] | None = None,
    ):
        if not members:
            raise UserError("An ensemble needs members: job=ensemble trains them and puts it together.")
        if weighting not in WEIGHTINGS:
            raise ValueError(f"weighting={weighting} is not one of {', '.join(WEIGHTINGS)}.")
        members = [_revived(member) for member in members]
        _check_tasks(task, members, names)
        past = task.input_tensor()
        outputs = [member(past) for member in members]
        values = ops.stack([o["forecast"] if isinstance(o, dict) else o for o in outputs], axis=1)
        points = points_of(values, task)
        content = WindowContent(task.target_indices, name="content")(past, points)
        if weighting == "gating":
            recent = RecentErrors(len(members), len(half_lives), name="recent_errors")(points)
            weights = GatingWeights(len(members), gate_units, name="gate")(content, recent)
        else:
            weights = FixedWeights(len(members), name="weights", trainable=weighting == "static")(points)
        forecast = Weighted(name="weighted")(values, weights)
        result = {"forecast": forecast, "weights": weights, "members": values, "content": content}
        logits = [output["spike"] for output in outputs if isinstance(output, dict)]
        if logits:
            result["member_spikes"] = ops.stack(logits, axis=1)
        if thresholds is not None:
            origin = ops.stack([past[:, -1, index] for index in task.target_indices], axis=-1)
            odds = SpikeOdds(thresholds, gate_units, name="spike_odds")
            result["spike"] = odds(points, origin, content, result.get("member_spikes"))
        options: dict[str, Any] = {
            "names": list(names),
            "weighting": weighting,
            "gate_units": gate_units,
            "half_lives": list(half_lives),
            "thresholds": None if thresholds is None else list(thresholds),
            "online": online,
        }
        super().__init__(task=task, past=past, forecast=result, options=options)
        self._joined = (past, outputs, result)
        self.member_layers = [member.name for member in members]
        self.spike_weight = 0.0 if thresholds is None else SPIKE_WEIGHT
        self.follows_time = True  # forecasts of a stretch of time shall go through ``in_time``

    @property
    def members(self) -> list[Forecaster]:
        """The M members, in the order of their weights."""
        return [self.get_layer(name) for name in self.member_layers]

    @property
    def names(self) -> list[str]:
        """The M names."""
        return list(self.options["names"])

    def behind_members(self) -> keras.Model:
        """The rest of the graph, with the same layers: maps the windows and each tensor of the members' outputs, as
        ``keras.tree.flatten`` lists them, to the output.
        """
        past, outputs, result = self._joined
        return keras.Model([past, *keras.tree.flatten(outputs)], result)

    def get_config(self) -> dict[str, Any]:
        """The arguments, with the members' own configs."""
        stored = [keras.saving.serialize_keras_object(member) for member in self.members]
        return {**super().get_config(), "members": stored}

    def in_time(self, windows: Windows, run: Callable[[Windows], Outputs]) -> Outputs:
        """The outputs for windows in rising order, each weighted by what was known at its last input row.

        Args:
            windows: a stretch of time. Up to ``WARM_UP`` windows before it, as far apart, are forecast too.
            run: makes this model's outputs for windows, each ``[n, ...]``.

        Returns: the model's outputs ``[n, ...]`` for ``windows``.
        """
        longer = self.with_warm_up(windows)
        outputs = run(longer)
        outputs |= self.weighted(outputs, longer)
        return {name: values[len(longer) - len(windows) :] for name, values in outputs.items()}

    def with_warm_up(self, windows: Windows) -> Windows:
        """The same windows, with up to ``WARM_UP`` more before the first where the weights follow the past."""
        if self.options["weighting"] not in ("gating", "online"):
            return windows
        ends = windows.ends
        step = int(np.median(np.diff(ends))) if len(ends) > 1 else 1
        before = ends[0] - step * np.arange(WARM_UP, 0, -1)
        before = before[before >= windows.lookback - 1]
        return dataclasses.replace(windows, ends=np.concatenate([before, ends]))

    def weighted(self, outputs: Outputs, windows: Windows) -> Outputs:
        """``weights``, ``forecast`` and ``spike`` for windows in rising order, from the outputs of all of them.

        A truth counts from the window on whose last input row it is known, which is at least ``lead + horizon - 1``
        rows after that of its own window.
        """
        members, truth = outputs["members"], windows.targets(windows.ends)
        weights = self._weights(outputs["content"], points_of(members, self.task), truth, windows)
        shaped = weights.reshape(*weights.shape, *[1] * (members.ndim - 2))
        found = {"weights": weights, "forecast": np.sum(members * shaped, axis=1)}
        if self.options["thresholds"] is not None:
            origin = windows.rows[windows.ends][:, list(self.task.target_indices)]
            told = points_of(members, self.task), origin, outputs["content"], outputs.get("member_spikes")
            found["spike"] = ops.convert_to_numpy(self.get_layer("spike_odds")(*told))
        return found

    def _weights(
        self, content: np.ndarray, points: np.ndarray, truth: np.ndarray, windows: Windows
    ) -> np.ndarray:
        reach = {"lead": windows.lead, "horizon": windows.horizon}
        if self.options["weighting"] == "gating":
            told = recent_errors(
                squared_errors(points, truth),
                known_count(windows.ends, **reach),
                self.options["half_lives"],
            )
            return ops.convert_to_numpy(self.get_layer("gate")(content, told))
        if self.options["weighting"] == "online":
            online = self.options["online"]
            followed = online_weights(
                signed_errors(points, truth),
                windows.ends,
                **reach,
                rates=[online["rate"]],
                shares=[online["share"]],
                scale=online["scale"],
            )
            return followed[:, 0].astype(np.float32)
        fixed = ops.convert_to_numpy(ops.softmax(self.get_layer("weights").logits))
        return np.broadcast_to(fixed, (len(points), len(fixed))).astype(np.float32)


def signed_errors(points: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Forecast minus truth ``[n, M, H * T]``, NaN where unobserved, of point forecasts ``[n, M, H, T]``."""
    return (points - truth[:, None]).reshape(*points.shape[:2], -1)


def points_of(values: Any, task: Task) -> Any:
    """The medians of quantiles ``[..., Q]``; point forecasts as they are."""
    return values if task.quantile_levels is None else values[..., task.quantile_levels.index(0.5)]


def _revived(member: Any) -> Any:
    return keras.saving.deserialize_keras_object(member) if isinstance(member, dict) else member


def _check_tasks(task: Task, members: Sequence[Any], names: Sequence[str]) -> None:
    if len(names) != len(members):
        raise ValueError(f"{len(names)} names for {len(members)} members.")
    for name, member in zip(names, members, strict=True):
        if member.task != task:
            differing = [
                field.name
                for field in dataclasses.fields(Task)
                if getattr(task, field.name) != getattr(member.task, field.name)
            ]
            raise UserError(
                f"Member {name} forecasts something else ({', '.join(differing)}): "
                "train it with this window, data and loss."
            )
