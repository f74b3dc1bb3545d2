"""Brings parsed rules to the model's terms: channel numbers for names, scaled numbers for those in a unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsforecast.errors import UserError, nearest
from tsforecast.metrics.baselines import seasonal_steps_back
from tsforecast.rules.parse import TRAINING

CLOCK = ("minute_of_day_sin", "minute_of_day_cos")


@dataclass(frozen=True)
class Facts:
    """What rules need to know of the data.

    Args:
        channels: names of the C channels.
        mean: ``[C]`` of the scaler, in the channels' units.
        scale: ``[C]`` of the scaler.
        targets: names of the T targets.
        target_indices: their channels.
        training_range: lowest and highest value of each target in the training rows, ``[T]`` pairs in its unit.
        lookback: steps of a window.
        lead: steps from the last input to the first target.
        horizon: steps forecast.
        season: steps in a season.
    """

    channels: Sequence[str]
    mean: Sequence[float]
    scale: Sequence[float]
    targets: Sequence[str]
    target_indices: Sequence[int]
    training_range: Sequence[tuple[float, float]]
    lookback: int
    lead: int
    horizon: int
    season: int

    @classmethod
    def of(cls, dataset: Any) -> "Facts":
        """The facts of prepared data."""
        scaler, window = dataset.scaler, dataset.window
        start, stop = dataset.borders[0]
        training = scaler.inverse_targets(dataset.truths[start:stop])
        return cls(
            channels=dataset.channels,
            mean=scaler.mean.tolist(),
            scale=scaler.scale.tolist(),
            targets=dataset.series.targets,
            target_indices=dataset.target_indices,
            training_range=[(float(np.nanmin(column)), float(np.nanmax(column))) for column in training.T],
            lookback=window["lookback"],
            lead=window["lead"],
            horizon=window["horizon"],
            season=dataset.series.season,
        )


def resolve_rules(rules: Sequence[Mapping[str, Any]], facts: Facts) -> list[dict[str, Any]]:
    """Returns rules that a model can apply by itself: plain lists, dicts and numbers, all scaled.

    ``target`` becomes the place among the T targets, a feature its channel, and a rule on all targets one rule each.

    Args:
        rules: from ``parse_rules``.
        facts: of the data.

    Raises:
        UserError: a rule names a feature or target that is not there, its seasonal value lies before the window, the
            time of day is not among the channels, or limits from training leave no room.
    """
    resolved = []
    for rule in rules:
        for place in _targets(rule, facts):
            several = rule["target"] is None and len(facts.targets) > 1
            name = f"{rule['name']} ({facts.targets[place]})" if several else rule["name"]
            where = f"Rule '{rule['name']}'"
            resolved.append(
                {
                    "name": name,
                    "target": place,
                    "trust": rule["trust"],
                    "when": _condition(rule["when"], facts, place, where),
                    "then": _action(rule["then"], facts, place, where),
                }
            )
    return resolved


def _targets(rule: Mapping[str, Any], facts: Facts) -> list[int]:
    if rule["target"] is None:
        return list(range(len(facts.targets)))
    if rule["target"] not in facts.targets:
        raise UserError(
            f"Rule '{rule['name']}': '{rule['target']}' is not a target.{nearest(rule['target'], facts.targets)}"
            f" The targets are {', '.join(facts.targets)}."
        )
    return [list(facts.targets).index(rule["target"])]


def _condition(node: Mapping[str, Any], facts: Facts, place: int, where: str) -> dict[str, Any]:
    kind = node["kind"]
    if "of" in node:
        return {"kind": kind, "of": [_condition(part, facts, place, where) for part in node["of"]]}
    if kind == "always":
        return {"kind": kind}
    if kind == "time_of_day":
        return {**node, "clock": _clock(facts, where)}
    channel = _channel(node["feature"], facts, place, where)
    mean, scale = facts.mean[channel], facts.scale[channel]
    made = {"kind": kind, "channel": channel}
    if kind == "flat":
        return {**made, "steps": node["steps"], "tolerance": node["tolerance"] / scale}
    if kind == "jump":
        made["steps"] = node["steps"]
    shift, unit = {"level": (mean, scale), "jump": (0.0, scale), "zscore": (0.0, 1.0)}[kind]
    bounds = {name: node[name] for name in ("above", "below")}
    return {**made, **{name: None if v is None else (v - shift) / unit for name, v in bounds.items()}}


def _channel(feature: str | None, facts: Facts, place: int, where: str) -> int:
    if feature is None:
        return facts.target_indices[place]
    if feature not in facts.channels:
        raise UserError(
            f"{where}: there is no feature '{feature}'.{nearest(feature, facts.channels)}"
            f" The data have {', '.join(facts.channels)}."
        )
    return list(facts.channels).index(feature)


def _clock(facts: Facts, where: str) -> list[list[float]]:
    """Channel, mean and scale of the sine and of the cosine of the time of day."""
    missing = [name for name in CLOCK if name not in facts.channels]
    if missing:
        raise UserError(f"{where}: time_of_day needs the feature '{missing[0]}', which the data do not have.")
    places = [list(facts.channels).index(name) for name in CLOCK]
    return [[place, facts.mean[place], facts.scale[place]] for place in places]


def _action(node: Mapping[str, Any], facts: Facts, place: int, where: str) -> dict[str, Any]:
    kind, channel = node["kind"], facts.target_indices[place]
    mean, scale = facts.mean[channel], facts.scale[channel]
    if kind == "seasonal":
        return {"kind": kind, "back": _seasonal_steps(facts, where)}
    if kind == "ramp":
        return {
            "kind": kind,
            **{name: None if node[name] is None else node[name] / scale for name in ("up", "down")},
        }
    if kind == "hold":
        return {"kind": kind}
    limits = {
        name: facts.training_range[place][end] if node[name] == TRAINING else node[name]
        for end, name in enumerate(("low", "high"))
    }
    if None not in limits.values() and limits["low"] >= limits["high"]:
        raise UserError(f"{where}: clip: low={limits['low']:g} is not below high={limits['high']:g}.")
    return {"kind": kind, **{name: None if v is None else (v - mean) / scale for name, v in limits.items()}}


def _seasonal_steps(facts: Facts, where: str) -> list[int]:
    """How many steps before the window's last one the value a season before each forecast step lies, ``[H]``."""
    back = seasonal_steps_back(facts.lead, facts.horizon, facts.season).tolist()
    if max(back) >= facts.lookback:
        raise UserError(
            f"{where}: the seasonal value lies {max(back)} steps back and window.lookback={facts.lookback} does not"
            f" reach it: set window.lookback={max(back) + 1}, or choose another action."
        )
    return back
