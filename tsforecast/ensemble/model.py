"""The ensemble: several forecasters as one graph whose forecasts are combined with weights."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tsforecast.data.windows import Windows
from tsforecast.ensemble.layers import SpikeOdds, Weighted, WindowContent
from tsforecast.ensemble.weighting import Weighting
from tsforecast.ensemble.weightings import load_weighting
from tsforecast.ensemble.window_outputs import WindowOutputs, select_points
from tsforecast.errors import UserError
from tsforecast.models.forecaster import Forecaster
from tsforecast.models.task import Task
from tsforecast.typing import Tensor

WARM_UP = (
    10_000  # windows before the requested ones that are forecast too, for the errors known at their start
)
# Weight of the spike head's cross-entropy against the loss of the values in fine-tuning, as in the spike detector.
SPIKE_WEIGHT = 0.5

Outputs = dict[str, np.ndarray]


@keras.saving.register_keras_serializable(package="tsforecast")
class Ensemble(Forecaster):
    """Members that share their input, combined with weights that are non-negative and sum to one.

    The output is a dict, all float32: ``forecast`` scaled ``[B, H, T(, Q)]``, ``weights`` ``[B, M]``, ``members``
    ``[B, M, H, T(, Q)]`` and ``content`` ``[B, F]`` (see ``WindowContent``); if members have spike heads, their logits
    ``member_spikes`` ``[B, S, H, T]``; with thresholds the ensemble's own logits ``spike`` ``[B, H, T]``.

    A call on windows alone weights them by the state of recent errors that was set last. ``predict_over_time``
    forecasts consecutive windows, and uses for each the errors that are known at its last input row.

    Args:
        task: Task of the ensemble and of every member.
        members: M forecasters of that task, or without its last channels, those of the context; after loading, their
            configs.
        names: M names.
        weighting: Name of a file in ``tsforecast/ensemble/weightings/``.
        gate_units: Width of the gating network and of the spike head.
        half_lives: K spans in windows after which a recent error counts half.
        thresholds: Scaled rise that makes a spike for each target, or None for no spike head.
        settings: Numbers that fitting the weighting found, see ``Weighting.settings``.
        stacked_spikes: Whether the spike head contains a logistic regression on the members, see ``SpikeOdds``; False
            in files without this argument.

    Raises:
        UserError: There are no members, or a member has another task.
        ValueError: There is no such weighting.

    Source: Bates & Granger (1969) for the idea; the weightings name their own.

    Example:
        >>> from tsforecast.models.nlinear import NLinear
        >>> task = Task(lookback=8, channels=2, lead=1, horizon=1, target_indices=(0,))
        >>> model = Ensemble(task, [NLinear(task), NLinear(task)], ["a", "b"], weighting="equal")
        >>> outputs = model(np.zeros((3, 8, 2), np.float32))
        >>> tuple(outputs["forecast"].shape), tuple(outputs["weights"].shape)
        ((3, 1, 1), (3, 2))
    """

    def __init__(
        self,
        task: Task,
        members: Sequence[Forecaster | dict[str, Any]] = (),
        names: Sequence[str] = (),
        weighting: str = "gating",
        gate_units: int = 32,
        half_lives: Sequence[float] = (30.0, 1440.0),
        thresholds: Sequence[float] | None = None,
        settings: Mapping[str, float] | None = None,
        stacked_spikes: bool = True,
    ):
        if not members:
            raise UserError("An ensemble needs members: job=ensemble trains them and combines them.")
        combination = load_weighting(weighting)(len(members), gate_units, half_lives, settings)
        models = [_deserialize_member(member) for member in members]
        _check_tasks(task, models, names)
        past = task.input_tensor()
        outputs = [model(_first_channels(past, model.task.channels)) for model in models]
        result = _combine(task, past, outputs, combination)
        if thresholds is not None:
            head = SpikeOdds(thresholds, gate_units, stacked_spikes, name="spike_odds")
            result["spike"] = _spike_logits(task, past, result, head)
        options: dict[str, Any] = {
            "names": list(names),
            "weighting": weighting,
            "gate_units": gate_units,
            "half_lives": list(half_lives),
            "thresholds": None if thresholds is None else list(thresholds),
            "stacked_spikes": stacked_spikes,
        }
        super().__init__(task=task, past=past, forecast=result, options=options)
        self._joined = (past, outputs, result)
        self.weighting = combination
        self.member_layers = [model.name for model in models]
        self.spike_weight = 0.0 if thresholds is None else SPIKE_WEIGHT

    @property
    def members(self) -> list[Forecaster]:
        """The M members, in the order of their weights."""
        return [self.get_layer(name) for name in self.member_layers]

    @property
    def member_calls(self) -> list[Callable[[Tensor], Tensor]]:
        """The forward passes of the members, as functions of the ensemble's windows ``[B, L, C]``."""
        return [functools.partial(_call_member, member) for member in self.members]

    @property
    def names(self) -> list[str]:
        """The M names."""
        return list(self.options["names"])

    @property
    def adaptive(self) -> bool:
        """Whether the weights depend on truths that arrive after training."""
        return self.weighting.adaptive

    def combiner(self) -> keras.Model:
        """Return the graph after the members, with the same layers.

        Its inputs are the windows and each tensor of the members' outputs, as ``keras.tree.flatten`` lists them.
        """
        past, outputs, result = self._joined
        return keras.Model([past, *keras.tree.flatten(outputs)], result)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments, with the members' own configs."""
        stored = [keras.saving.serialize_keras_object(member) for member in self.members]
        return {**super().get_config(), "settings": self.weighting.settings, "members": stored}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Ensemble":
        """Rebuild an ensemble; older files have ``settings`` under the key ``online``, and no stacked spike head."""
        config = {"stacked_spikes": False, **config}
        if "online" in config:
            config["settings"] = config.pop("online")
        return super().from_config(config, custom_objects)

    def predict_over_time(self, windows: Windows, predict: Callable[[Windows], Outputs]) -> Outputs:
        """Return the outputs for consecutive windows, each with the errors that are known at its last input row.

        Args:
            windows: n windows in the order of time. Up to ``WARM_UP`` windows before them, at the same distance, are
                forecast too if the weighting is adaptive.
            predict: Returns this model's outputs ``[n, ...]`` for windows.

        Returns:
            The model's outputs ``[n, ...]`` for ``windows``.
        """
        longer = self.add_warm_up(windows)
        outputs = predict(longer)
        outputs |= self.reweight(outputs, longer)
        return {name: values[len(longer) - len(windows) :] for name, values in outputs.items()}

    def add_warm_up(self, windows: Windows) -> Windows:
        """Return the windows with up to ``WARM_UP`` more before the first if the weighting is adaptive."""
        if not self.adaptive:
            return windows
        ends = windows.ends
        stride = int(np.median(np.diff(ends))) if len(ends) > 1 else 1
        before = ends[0] - stride * np.arange(WARM_UP, 0, -1)
        before = before[before >= windows.lookback - 1]
        return dataclasses.replace(windows, ends=np.concatenate([before, ends]))

    def window_outputs(self, windows: Windows, outputs: Outputs) -> WindowOutputs:
        """Return this model's outputs for consecutive windows together with the windows."""
        return WindowOutputs(windows, outputs, self.task.quantile_levels)

    def reweight(self, outputs: Outputs, windows: Windows) -> Outputs:
        """Return ``weights``, ``forecast`` and ``spike`` of consecutive windows from the outputs for all of them.

        A truth counts from the window on whose last input row it is known. That is at least ``lead + horizon - 1`` rows
        after the last input row of the window that forecast it.

        Args:
            outputs: This model's outputs ``[n, ...]``.
            windows: The n windows, in the order of time.
        """
        members, points = outputs["members"], select_points(outputs["members"], self.task.quantile_levels)
        weights = self.weighting.weights(self.window_outputs(windows, outputs))
        factors = weights.reshape(*weights.shape, *[1] * (members.ndim - 2))
        result = {"weights": weights, "forecast": np.sum(members * factors, axis=1)}
        if self.options["thresholds"] is not None:
            origin = windows.rows[windows.ends][:, list(self.task.target_indices)]
            inputs = points, origin, outputs["content"], outputs.get("member_spikes")
            result["spike"] = ops.convert_to_numpy(self.get_layer("spike_odds")(*inputs))
        return result


def _combine(task: Task, past: Tensor, outputs: Sequence[Tensor], weighting: Weighting) -> dict[str, Tensor]:
    """Return the ensemble's symbolic outputs but for its own spike head."""
    values = ops.stack([o["forecast"] if isinstance(o, dict) else o for o in outputs], axis=1)
    points = select_points(values, task.quantile_levels)
    channels = task.number_channels if task.category_counts else None
    content = WindowContent(task.target_indices, channels, name="content")(past, points)
    weights = weighting.build(points, content)
    forecast = Weighted(name="weighted")(values, weights)
    result = {"forecast": forecast, "weights": weights, "members": values, "content": content}
    logits = [output["spike"] for output in outputs if isinstance(output, dict) and "spike" in output]
    if logits:
        result["member_spikes"] = ops.stack(logits, axis=1)
    return result


def _spike_logits(task: Task, past: Tensor, result: Mapping[str, Tensor], head: SpikeOdds) -> Tensor:
    origin = ops.stack([past[:, -1, index] for index in task.target_indices], axis=-1)
    points = select_points(result["members"], task.quantile_levels)
    return head(points, origin, result["content"], result.get("member_spikes"))


def _deserialize_member(member: Forecaster | dict[str, Any]) -> Forecaster:
    return keras.saving.deserialize_keras_object(member) if isinstance(member, dict) else member


def _call_member(member: Forecaster, past: Tensor) -> Tensor:
    return member(_first_channels(past, member.task.channels), training=False)


def _first_channels(past: Tensor, count: int) -> Tensor:
    """Return the channels that a member reads, of windows ``[B, L, C]``."""
    return past if count == past.shape[-1] else past[..., :count]


def _check_tasks(ensemble: Task, members: Sequence[Forecaster], names: Sequence[str]) -> None:
    if len(names) != len(members):
        raise ValueError(f"{len(names)} names for {len(members)} members.")
    for name, member in zip(names, members, strict=True):
        channels = min(member.task.channels, ensemble.channels)
        task = dataclasses.replace(ensemble, channels=channels, category_of=ensemble.category_of[:channels])
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
