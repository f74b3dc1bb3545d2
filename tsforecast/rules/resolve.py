"""Translation of parsed rules for a model: names become channel indices, numbers with a unit become scaled ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.data.row_facts import RowFacts
from tsforecast.data.scaling import Scaler
from tsforecast.errors import UserError, nearest
from tsforecast.metrics.baselines import seasonal_steps_back
from tsforecast.panels.panel import take_rows
from tsforecast.rules.parse import TRAINING

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset

CLOCK = ("minute_of_day_sin", "minute_of_day_cos")


@dataclass(frozen=True)
class DataFacts:
    """Properties of the data that rules depend on.

    Args:
        channels: Names of the C channels.
        scaler: Scaler of the channels.
        targets: Names of the T targets.
        target_indices: Channels of the targets.
        training_range: Lowest and highest value of each target in the training rows, ``[T]`` pairs in its unit.
        lookback: Steps in a window.
        lead: Steps from the last input to the first target.
        horizon: Number of forecast steps.
        season: Steps in a season.
        categories: Features that are categories, which rules cannot compare.
    """

    channels: Sequence[str]
    scaler: Scaler
    targets: Sequence[str]
    target_indices: Sequence[int]
    training_range: Sequence[tuple[float, float]]
    lookback: int
    lead: int
    horizon: int
    season: int
    categories: Sequence[str] = ()

    @classmethod
    def from_dataset(cls, dataset: "ForecastDataset") -> "DataFacts":
        """Return the properties of a dataset."""
        scaler, window = dataset.scaler, dataset.window
        rows = take_rows(dataset.truths, dataset.split_ranges("train"))
        training = RowFacts.of_rows(rows, (0, len(rows)))
        low, high = scaler.inverse_targets(np.stack([training.low, training.high]))
        return cls(
            channels=dataset.channels,
            scaler=scaler,
            targets=dataset.series.targets,
            target_indices=dataset.target_indices,
            training_range=list(zip(low.tolist(), high.tolist(), strict=True)),
            lookback=window["lookback"],
            lead=window["lead"],
            horizon=window["horizon"],
            season=dataset.series.season,
            categories=tuple(dataset.series.categories),
        )


def resolve_rules(rules: Sequence[Mapping[str, Any]], facts: DataFacts) -> list[dict[str, Any]]:
    """Return rules that a model can apply without the data: plain lists, dicts and scaled numbers.

    ``target`` becomes an index among the T targets, a feature becomes its channel, and a rule for all targets becomes
    one rule per target.

    Args:
        rules: Rules from ``parse_rules``.
        facts: Properties of the data.

    Raises:
        UserError: A feature or target does not exist, a seasonal value is before the window, the time of day is not
            among the channels, or limits from the training rows leave no range.
    """
    resolved = []
    for rule in rules:
        for target in _target_indices(rule, facts):
            several = rule["target"] is None and len(facts.targets) > 1
            name = f"{rule['name']} ({facts.targets[target]})" if several else rule["name"]
            where = f"Rule '{rule['name']}'"
            resolved.append(
                {
                    "name": name,
                    "target": target,
                    "trust": rule["trust"],
                    "when": _resolve_condition(rule["when"], facts, target, where),
                    "then": _resolve_action(rule["then"], facts, target, where),
                }
            )
    return resolved


def _target_indices(rule: Mapping[str, Any], facts: DataFacts) -> list[int]:
    if rule["target"] is None:
        return list(range(len(facts.targets)))
    if rule["target"] not in facts.targets:
        raise UserError(
            f"Rule '{rule['name']}': '{rule['target']}' is not a target.{nearest(rule['target'], facts.targets)}"
            f" The targets are {', '.join(facts.targets)}."
        )
    return [list(facts.targets).index(rule["target"])]


def _resolve_condition(node: Mapping[str, Any], facts: DataFacts, target: int, where: str) -> dict[str, Any]:
    kind = node["kind"]
    if "of" in node:
        return {"kind": kind, "of": [_resolve_condition(part, facts, target, where) for part in node["of"]]}
    if kind == "always":
        return {"kind": kind}
    if kind == "time_of_day":
        return {**node, "clock": _clock(facts, where)}
    channel = _channel(node["feature"], facts, target, where)
    result = {"kind": kind, "channel": channel}
    if kind == "flat":
        return {**result, "steps": node["steps"], **_rises(facts, channel, tolerance=node["tolerance"])}
    bounds = {name: node[name] for name in ("above", "below")}
    if kind == "jump":
        return {**result, "steps": node["steps"], **_rises(facts, channel, **bounds)}
    if kind == "level":
        bounds = {name: _level(facts, channel, value) for name, value in bounds.items()}
    return {**result, **bounds}


def _level(facts: DataFacts, channel: int, value: float | None) -> float | None:
    """Return a value of a channel, scaled."""
    return None if value is None else float(facts.scaler.transform(np.asarray(value), channel))


def _rises(facts: DataFacts, channel: int, **rises: float | None) -> dict[str, Any]:
    """Return rises of a channel scaled; or, under a curve, in its unit with the scaling to compare them in."""
    if channel in facts.scaler.curves:
        return {**rises, "scaling": facts.scaler.describe_channel(channel)}
    scale = float(facts.scaler.scale[channel])
    return {name: None if value is None else value / scale for name, value in rises.items()}


def _channel(feature: str | None, facts: DataFacts, target: int, where: str) -> int:
    if feature is None:
        return facts.target_indices[target]
    if feature not in facts.channels:
        raise UserError(
            f"{where}: there is no feature '{feature}'.{nearest(feature, facts.channels)}"
            f" The data have {', '.join(facts.channels)}."
        )
    if feature in facts.categories:
        raise UserError(
            f"{where}: '{feature}' is a column of categories, and rules compare numbers: name another."
        )
    return list(facts.channels).index(feature)


def _clock(facts: DataFacts, where: str) -> list[list[float]]:
    """Return channel, mean and scale of the sine and of the cosine of the time of day."""
    missing = [name for name in CLOCK if name not in facts.channels]
    if missing:
        raise UserError(f"{where}: time_of_day needs the feature '{missing[0]}', which the data do not have.")
    indices = [list(facts.channels).index(name) for name in CLOCK]
    return [[index, float(facts.scaler.mean[index]), float(facts.scaler.scale[index])] for index in indices]


def _resolve_action(node: Mapping[str, Any], facts: DataFacts, target: int, where: str) -> dict[str, Any]:
    kind, channel = node["kind"], facts.target_indices[target]
    if kind == "seasonal":
        return {"kind": kind, "back": _seasonal_steps(facts, where)}
    if kind == "ramp":
        return {"kind": kind, **_rises(facts, channel, up=node["up"], down=node["down"])}
    if kind == "hold":
        return {"kind": kind}
    limits = {
        name: facts.training_range[target][end] if node[name] == TRAINING else node[name]
        for end, name in enumerate(("low", "high"))
    }
    if None not in limits.values() and limits["low"] >= limits["high"]:
        raise UserError(f"{where}: clip: low={limits['low']:g} is not below high={limits['high']:g}.")
    return {"kind": kind, **{name: _level(facts, channel, v) for name, v in limits.items()}}


def _seasonal_steps(facts: DataFacts, where: str) -> list[int]:
    """Return the steps ``[H]`` from the value one season before each forecast step to the last step of the window."""
    back = seasonal_steps_back(facts.lead, facts.horizon, facts.season).tolist()
    if max(back) >= facts.lookback:
        raise UserError(
            f"{where}: the seasonal value lies {max(back)} steps back and window.lookback={facts.lookback} does not"
            f" reach it: set window.lookback={max(back) + 1}, or choose another action."
        )
    return back
