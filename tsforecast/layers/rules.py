"""Rules as layers: conditions on each step of the window, and actions on the forecast made at that step."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers, ops

from tsforecast.layers.unit_scaling import rise, step
from tsforecast.typing import Tensor

FLAT_DEVIATION = (
    1e-3  # scaled; a window that varies less has a z-score of 0, as the real one would be rounding noise
)
CLOCK_SLACK = 0.01  # minutes; rounding error of a time of day in float32


@keras.saving.register_keras_serializable(package="tsforecast")
class RuleConditions(layers.Layer):
    """Evaluates at each step of a window which rules hold, from that step and the ones before it.

    A condition that would need values before the window does not hold. The z-score compares a step with all steps of
    the window up to it.

    Args:
        rules: Resolved rules, see ``rules.resolve``.

    Call arguments: past ``[B, L, C]``, scaled.
    Returns: bool ``[B, L, R]``.

    Example:
        >>> above = {"kind": "level", "channel": 0, "above": 1.5, "below": None}
        >>> conditions = RuleConditions([{"when": above, "then": {"kind": "hold"}}])
        >>> conditions(ops.convert_to_tensor([[[1.0], [2.0]]])).numpy().ravel().tolist()
        [False, True]
    """

    def __init__(self, rules: Sequence[Mapping[str, Any]], **kwargs: object):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.rules = [dict(rule) for rule in rules]

    def call(self, past: Tensor) -> Tensor:
        holds = [
            ops.logical_and(_evaluate(rule["when"], past), _has_history(rule["then"], past))
            for rule in self.rules
        ]
        return ops.stack(holds, axis=-1)

    def compute_output_spec(self, past: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor((*past.shape[:-1], len(self.rules)), dtype="bool")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rules": self.rules}


@keras.saving.register_keras_serializable(package="tsforecast")
class RuleActions(layers.Layer):
    """Moves the forecast towards the action of each rule that holds: ``(1 - trust) forecast + trust action``.

    Rules apply in order, each to the result of the one before. ``trust`` is the sigmoid of one trainable weight per
    rule. Every action keeps the order of quantiles.

    Args:
        rules: Resolved rules, see ``rules.resolve``, each with the ``channel`` of its target.
        lead: Steps from the origin of a forecast to its first step.
        points: Numbers on the last axis that are values of the series, see ``Distribution``; None if all are.

    Call arguments: forecast ``[B, S, H, T(, Q)]`` for the last S steps of the window; holds ``[B, L, R]``;
        past ``[B, L, C]``.
    Returns: float32, of the forecast's shape.

    Example:
        >>> hold = {"when": {"kind": "always"}, "then": {"kind": "hold"}, "trust": 0.5, "target": 0, "channel": 0}
        >>> past = ops.convert_to_tensor([[[1.0], [2.0]]])
        >>> actions = RuleActions([hold], lead=1)  # halfway from the forecast 4 to the last known value 2
        >>> actions(ops.full((1, 1, 1, 1), 4.0), RuleConditions([hold])(past), past).numpy().ravel().tolist()
        [3.0]
    """

    def __init__(
        self, rules: Sequence[Mapping[str, Any]], lead: int, points: int | None = None, **kwargs: object
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.rules, self.lead, self.points = [dict(rule) for rule in rules], lead, points

    def build(self, *shapes: object, **named: object) -> None:
        start = [math.log(rule["trust"] / (1 - rule["trust"])) for rule in self.rules]
        self.logits = self.add_weight(
            shape=(len(start),),
            initializer=lambda shape, dtype: ops.convert_to_tensor(start, dtype=dtype),
            name="trust_logits",
        )
        self.built = True

    def call(self, forecast: Tensor, holds: Tensor, past: Tensor) -> Tensor:
        if self.points is None:
            return self._act(forecast, holds, past)
        moved = self._act(forecast[..., : self.points], holds, past)
        return ops.concatenate([moved, forecast[..., self.points :]], axis=-1)

    def _act(self, forecast: Tensor, holds: Tensor, past: Tensor) -> Tensor:
        trust = ops.sigmoid(self.logits)
        steps, targets = forecast.shape[1], forecast.shape[3]
        for index, rule in enumerate(self.rules):
            where = holds[:, -steps:, index]
            columns = [
                _apply(
                    forecast[:, :, :, column],
                    where,
                    trust[index],
                    rule["then"],
                    past,
                    rule["channel"],
                    self.lead,
                )
                if column == rule["target"]
                else forecast[:, :, :, column]
                for column in range(targets)
            ]
            forecast = ops.stack(columns, axis=3)
        return forecast

    def compute_output_spec(self, forecast: Tensor, holds: Tensor, past: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor(forecast.shape, dtype="float32")

    def trusts(self) -> list[float]:
        """Return the trust in each rule, in (0, 1)."""
        return ops.convert_to_numpy(ops.sigmoid(self.logits.value)).tolist()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rules": self.rules, "lead": self.lead, "points": self.points}


def _evaluate(node: Mapping[str, Any], past: Tensor) -> Tensor:
    """Return at which steps a condition holds, bool ``[B, L]``."""
    kind = node["kind"]
    if kind == "always":
        return ops.ones_like(past[..., 0], dtype="bool")
    if kind == "not":
        return ops.logical_not(_evaluate(node["of"][0], past))
    if kind in ("all", "any"):
        holds = ops.stack([_evaluate(part, past) for part in node["of"]], axis=0)
        return ops.all(holds, axis=0) if kind == "all" else ops.any(holds, axis=0)
    if kind == "time_of_day":
        return _is_time_of_day(node, past)
    values = past[..., node["channel"]]
    if kind == "flat":
        return _is_flat(values, node)
    if kind == "jump":
        steps = node["steps"]
        return _delay(_is_within(_rises(values[:, steps:], values[:, :-steps], node), node), steps)
    return _is_within(values if kind == "level" else _zscores(values), node)


def _is_within(values: Tensor, node: Mapping[str, Any]) -> Tensor:
    holds = ops.ones_like(values, dtype="bool")
    if node["above"] is not None:
        holds = ops.logical_and(holds, values > node["above"])
    if node["below"] is not None:
        holds = ops.logical_and(holds, values < node["below"])
    return holds


def _zscores(values: Tensor) -> Tensor:
    """Return how many standard deviations each step is above the mean of the window up to it, ``[B, L]``."""
    count = ops.arange(1, values.shape[1] + 1, dtype="float32")
    # Relative to the first value: a difference of large squares would lose the digits of a nearly flat window.
    shifted = values - values[:, :1]
    mean = ops.cumsum(shifted, axis=1) / count
    variance = ops.cumsum(ops.square(shifted), axis=1) / count - ops.square(mean)
    deviation = ops.sqrt(ops.maximum(variance, FLAT_DEVIATION**2))
    return ops.where(variance > FLAT_DEVIATION**2, (shifted - mean) / deviation, 0.0)


def _rises(later: Tensor, earlier: Tensor, node: Mapping[str, Any]) -> Tensor:
    """Return the rises of a channel, scaled; in its unit if its scaling has a curve."""
    return rise(node["scaling"], later, earlier) if "scaling" in node else later - earlier


def _is_flat(values: Tensor, node: Mapping[str, Any]) -> Tensor:
    """Return at which steps the newest ``steps`` values are within ``tolerance`` of each other, ``[B, L]``."""
    column, steps = values[..., None], node["steps"]
    high = ops.max_pool(column, steps, strides=1, padding="valid", data_format="channels_last")
    low = -ops.max_pool(-column, steps, strides=1, padding="valid", data_format="channels_last")
    return _delay(_rises(high, low, node)[..., 0] <= node["tolerance"], steps - 1)


def _is_time_of_day(node: Mapping[str, Any], past: Tensor) -> Tensor:
    sine, cosine = (past[..., int(channel)] * scale + mean for channel, mean, scale in node["clock"])
    minute = ops.arctan2(sine, cosine) * (1440 / (2 * math.pi)) + CLOCK_SLACK
    minute = ops.where(minute < 0, minute + 1440, minute)
    after, before = minute >= node["from"], minute < node["to"]
    return ops.logical_and(after, before) if node["from"] < node["to"] else ops.logical_or(after, before)


def _delay(holds: Tensor, steps: int) -> Tensor:
    """Prepend ``steps`` steps at which the condition does not hold, as values before the window are missing."""
    return ops.pad(holds, [[0, 0], [steps, 0]], constant_values=False) if steps else holds


def _has_history(action: Mapping[str, Any], past: Tensor) -> Tensor:
    """Return at which steps the values that an action needs are in the window, bool ``[L]``."""
    needed = max(action["back"]) if action["kind"] == "seasonal" else 0
    return ops.arange(past.shape[1]) >= needed


def _apply(
    forecast: Tensor,
    where: Tensor,
    trust: Tensor,
    action: Mapping[str, Any],
    past: Tensor,
    channel: int,
    lead: int,
) -> Tensor:
    """Apply one rule, which holds ``where`` ``[B, S]``, to one target's forecast ``[B, S, H(, Q)]``."""
    steps, horizon = forecast.shape[1], forecast.shape[2]
    extra = [1] * (len(forecast.shape) - 3)  # for a quantile axis
    known = past[..., channel]
    last = ops.reshape(known[:, -steps:], (-1, steps, 1, *extra))
    kind = action["kind"]
    if kind == "hold":
        goal = last
    elif kind == "seasonal":
        earlier = ops.stack([_shift(known, back)[:, -steps:] for back in action["back"]], axis=-1)
        goal = ops.reshape(earlier, (-1, steps, horizon, *extra))
    elif kind == "ramp":
        ahead = ops.reshape(ops.arange(lead, lead + horizon, dtype="float32"), (1, 1, horizon, *extra))
        goal = _clip(
            forecast,
            None if action["down"] is None else _after(last, -action["down"] * ahead, action),
            None if action["up"] is None else _after(last, action["up"] * ahead, action),
        )
    else:
        goal = _clip(forecast, action["low"], action["high"])
    moved = forecast + trust * (goal - forecast)
    return ops.where(ops.reshape(where, (-1, steps, 1, *extra)), moved, forecast)


def _after(last: Tensor, change: Tensor, action: Mapping[str, Any]) -> Tensor:
    """Return scaled values after a change, which is in the channel's unit if its scaling has a curve."""
    return step(action["scaling"], last, change) if "scaling" in action else last + change


def _clip(forecast: Tensor, low: Tensor | float | None, high: Tensor | float | None) -> Tensor:
    forecast = forecast if low is None else ops.maximum(forecast, low)
    return forecast if high is None else ops.minimum(forecast, high)


def _shift(values: Tensor, back: int) -> Tensor:
    """Return the value ``back`` steps before each, ``[B, L]``; the first ones are filled, but no rule uses them."""
    return ops.concatenate(
        [ops.repeat(values[:, :1], back, axis=1), values[:, : values.shape[1] - back]], axis=1
    )
