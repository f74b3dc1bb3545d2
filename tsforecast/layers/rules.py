"""Rules as a layer: conditions on the window at each of its steps, actions on the forecast made there."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers, ops

FLAT_DEVIATION = 1e-3  # scaled; a window that varies less has no z-score, which would be rounding noise
CLOCK_SLACK = 0.01  # minutes; what float32 may take from a time of day


@keras.saving.register_keras_serializable(package="tsforecast")
class RuleConditions(layers.Layer):
    """Says at each step of a window which rules hold there, from that step and those before it alone.

    A condition that looks back beyond the window's first step does not hold. The z-score is that of a step among all
    steps of the window so far.

    Args:
        rules: resolved, see ``rules.resolve``.

    Call arguments: past ``[B, L, C]``, scaled.
    Returns: bool ``[B, L, R]``.
    """

    def __init__(self, rules: Sequence[Mapping[str, Any]], **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.rules = [dict(rule) for rule in rules]

    def call(self, past: Any) -> Any:
        """See the class."""
        held = [
            ops.logical_and(_holds(rule["when"], past), _reaches(rule["then"], past)) for rule in self.rules
        ]
        return ops.stack(held, axis=-1)

    def compute_output_spec(self, past: Any) -> keras.KerasTensor:
        """``[B, L, R]``."""
        return keras.KerasTensor((*past.shape[:-1], len(self.rules)), dtype="bool")

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "rules": self.rules}


@keras.saving.register_keras_serializable(package="tsforecast")
class RuleActions(layers.Layer):
    """Where a rule holds, moves the forecast towards its action: ``(1 - trust) forecast + trust action``.

    Rules apply in their order, each on what the one before left. ``trust`` is the sigmoid of one trainable weight a
    rule. Every action keeps the order of quantiles.

    Args:
        rules: resolved, see ``rules.resolve``.
        lead: steps from a forecast's origin to its first step.

    Call arguments: forecast ``[B, S, H, T(, Q)]`` for the last S steps of the window; held ``[B, L, R]``;
        past ``[B, L, C]``.
    Returns: float32, the forecast's shape.
    """

    def __init__(self, rules: Sequence[Mapping[str, Any]], lead: int, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.rules, self.lead = [dict(rule) for rule in rules], lead

    def build(self, *shapes: Any, **named: Any) -> None:
        """One weight a rule."""
        start = [math.log(rule["trust"] / (1 - rule["trust"])) for rule in self.rules]
        self.logits = self.add_weight(
            shape=(len(start),),
            initializer=lambda shape, dtype: ops.convert_to_tensor(start, dtype=dtype),
            name="trust_logits",
        )
        self.built = True

    def call(self, forecast: Any, held: Any, past: Any) -> Any:
        """See the class."""
        trust = ops.sigmoid(self.logits)
        steps, targets = forecast.shape[1], forecast.shape[3]
        for place, rule in enumerate(self.rules):
            where = held[:, -steps:, place]
            columns = [
                _applied(
                    forecast[:, :, :, column],
                    where,
                    trust[place],
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

    def compute_output_spec(self, forecast: Any, held: Any, past: Any) -> keras.KerasTensor:
        """The forecast's own shape."""
        return keras.KerasTensor(forecast.shape, dtype="float32")

    def trusts(self) -> list[float]:
        """The trust in each rule, in (0, 1)."""
        return ops.convert_to_numpy(ops.sigmoid(self.logits.value)).tolist()

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "rules": self.rules, "lead": self.lead}


def _holds(node: Mapping[str, Any], past: Any) -> Any:
    """Whether a condition holds at each step, bool ``[B, L]``."""
    kind = node["kind"]
    if kind == "always":
        return ops.ones_like(past[..., 0], dtype="bool")
    if kind == "not":
        return ops.logical_not(_holds(node["of"][0], past))
    if kind in ("all", "any"):
        held = ops.stack([_holds(part, past) for part in node["of"]], axis=0)
        return ops.all(held, axis=0) if kind == "all" else ops.any(held, axis=0)
    if kind == "time_of_day":
        return _in_hours(node, past)
    values = past[..., node["channel"]]
    if kind == "flat":
        return _is_flat(values, node["steps"], node["tolerance"])
    if kind == "jump":
        steps = node["steps"]
        return _late(_within(values[:, steps:] - values[:, :-steps], node), steps)
    return _within(values if kind == "level" else _zscores(values), node)


def _within(values: Any, node: Mapping[str, Any]) -> Any:
    held = ops.ones_like(values, dtype="bool")
    if node["above"] is not None:
        held = ops.logical_and(held, values > node["above"])
    if node["below"] is not None:
        held = ops.logical_and(held, values < node["below"])
    return held


def _zscores(values: Any) -> Any:
    """How many standard deviations each step lies above the mean of the window up to it, ``[B, L]``."""
    count = ops.arange(1, values.shape[1] + 1, dtype="float32")
    # About the first value: a difference of large squares would lose the digits that a nearly flat window needs.
    moved = values - values[:, :1]
    mean = ops.cumsum(moved, axis=1) / count
    variance = ops.cumsum(ops.square(moved), axis=1) / count - ops.square(mean)
    deviation = ops.sqrt(ops.maximum(variance, FLAT_DEVIATION**2))
    return ops.where(variance > FLAT_DEVIATION**2, (moved - mean) / deviation, 0.0)


def _is_flat(values: Any, steps: int, tolerance: float) -> Any:
    """Whether the newest ``steps`` values lie within ``tolerance`` of each other, ``[B, L]``."""
    column = values[..., None]
    high = ops.max_pool(column, steps, strides=1, padding="valid", data_format="channels_last")
    low = -ops.max_pool(-column, steps, strides=1, padding="valid", data_format="channels_last")
    return _late((high - low)[..., 0] <= tolerance, steps - 1)


def _in_hours(node: Mapping[str, Any], past: Any) -> Any:
    sine, cosine = (past[..., int(place)] * scale + mean for place, mean, scale in node["clock"])
    minute = ops.arctan2(sine, cosine) * (1440 / (2 * math.pi)) + CLOCK_SLACK
    minute = ops.where(minute < 0, minute + 1440, minute)
    after, before = minute >= node["from"], minute < node["to"]
    return ops.logical_and(after, before) if node["from"] < node["to"] else ops.logical_or(after, before)


def _late(held: Any, steps: int) -> Any:
    """Puts ``steps`` steps in front at which the condition does not hold, for lack of values before."""
    return ops.pad(held, [[0, 0], [steps, 0]], constant_values=False) if steps else held


def _reaches(action: Mapping[str, Any], past: Any) -> Any:
    """Whether an action has the values that it needs at each step, bool ``[L]`` (broadcasts over the batch)."""
    needed = max(action["back"]) if action["kind"] == "seasonal" else 0
    return ops.arange(past.shape[1]) >= needed


def _applied(
    forecast: Any, where: Any, trust: Any, action: Mapping[str, Any], past: Any, channel: int, lead: int
) -> Any:
    """One target's forecast ``[B, S, H(, Q)]`` after one rule that holds ``where`` ``[B, S]``."""
    steps, horizon = forecast.shape[1], forecast.shape[2]
    extra = [1] * (len(forecast.shape) - 3)  # a quantile axis, if there is one
    known = past[..., channel]
    last = ops.reshape(known[:, -steps:], (-1, steps, 1, *extra))
    kind = action["kind"]
    if kind == "hold":
        wanted = last
    elif kind == "seasonal":
        earlier = ops.stack([_shifted(known, back)[:, -steps:] for back in action["back"]], axis=-1)
        wanted = ops.reshape(earlier, (-1, steps, horizon, *extra))
    elif kind == "ramp":
        ahead = ops.reshape(ops.arange(lead, lead + horizon, dtype="float32"), (1, 1, horizon, *extra))
        wanted = _limited(
            forecast,
            None if action["down"] is None else last - action["down"] * ahead,
            None if action["up"] is None else last + action["up"] * ahead,
        )
    else:
        wanted = _limited(forecast, action["low"], action["high"])
    moved = forecast + trust * (wanted - forecast)
    return ops.where(ops.reshape(where, (-1, steps, 1, *extra)), moved, forecast)


def _limited(forecast: Any, low: Any, high: Any) -> Any:
    forecast = forecast if low is None else ops.maximum(forecast, low)
    return forecast if high is None else ops.minimum(forecast, high)


def _shifted(values: Any, back: int) -> Any:
    """The value ``back`` steps before each, ``[B, L]``; the first one where there is none, which no rule uses."""
    return ops.concatenate(
        [ops.repeat(values[:, :1], back, axis=1), values[:, : values.shape[1] - back]], axis=1
    )
