"""Parsing of rules from YAML, with errors that name the rule. Nothing in a rule is evaluated as code.

A parsed rule is a plain dict with all its keys, and numbers in the units of the features::

    {"name", "target": None or str, "trust": float, "when": CONDITION, "then": {"kind", ...}}

and a condition is ``{"kind": ...}`` with its numbers, or ``{"kind": "all" | "any" | "not", "of": [CONDITION, ...]}``.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from tsforecast.errors import UserError, nearest

DAY_MINUTES = 1440
KEYS = ("name", "when", "then", "target", "trust")
TRAINING = "training"  # in place of a number: the limit observed in the training rows


def parse_rules(rules: object, lookback: int, key: str = "model.rules") -> list[dict[str, Any]]:
    """Parse the rules and check them as far as possible without the data.

    Args:
        rules: List of rules from the YAML, or None.
        lookback: Steps in a window; a rule cannot look further back.
        key: Name of the list, for error messages.

    Raises:
        UserError: A rule is wrong; the message names the first one.

    Example:
        >>> (rule,) = parse_rules([{"name": "floor", "when": "always", "then": {"clip": {"low": 0}}}], lookback=10)
        >>> rule["then"], rule["trust"]
        ({'kind': 'clip', 'low': 0.0, 'high': None}, 0.5)
    """
    if rules is None:
        return []
    if not isinstance(rules, list):
        raise UserError(f"{key} is {_quote(rules)}: give a list of rules, each with name, when and then.")
    parsed = [_parse_rule(rule, f"{key}[{index}]", lookback) for index, rule in enumerate(rules)]
    names = [rule["name"] for rule in parsed]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{key} has two rules named '{name}': give each a different name.")
    return parsed


def _parse_rule(rule: object, position: str, lookback: int) -> dict[str, Any]:
    if not isinstance(rule, Mapping):
        raise UserError(f"{position} is {_quote(rule)}: a rule is a mapping with name, when and then.")
    name = rule.get("name")
    if not isinstance(name, str) or not name.strip():
        raise UserError(f"{position} has no name: give it one, as in name: hold_when_flat.")
    where = f"Rule '{name}'"
    _check_keys(rule, KEYS, where)
    for needed in ("when", "then"):
        if rule.get(needed) is None:
            raise UserError(f"{where} has no '{needed}': it needs a condition (when) and an action (then).")
    target = rule.get("target")
    if target is not None and not isinstance(target, str):
        raise UserError(f"{where}: target is {_quote(target)}: name one of the data's targets.")
    trust = _number(rule.get("trust", 0.5), f"{where}: trust")
    if not 0 < trust < 1:
        raise UserError(
            f"{where}: trust={trust:g} is out of range: it starts between 0 and 1, and is learned."
        )
    return {
        "name": name,
        "target": target,
        "trust": trust,
        "when": _parse_condition(rule["when"], where, lookback),
        "then": _parse_action(rule["then"], where),
    }


def _parse_condition(node: object, where: str, lookback: int) -> dict[str, Any]:
    if node == "always":
        return {"kind": "always"}
    kind, body = _single_entry(node, f"{where}: a condition", [*CONDITIONS, "all", "any", "not", "always"])
    if kind in ("all", "any"):
        if not isinstance(body, list) or not body:
            raise UserError(f"{where}: '{kind}' is {_quote(body)}: give it a list of conditions.")
        return {"kind": kind, "of": [_parse_condition(part, where, lookback) for part in body]}
    if kind == "not":
        return {"kind": kind, "of": [_parse_condition(body, where, lookback)]}
    if kind == "always":
        raise UserError(f"{where}: 'always' takes nothing: write when: always.")
    if not isinstance(body, Mapping):
        raise UserError(f"{where}: '{kind}' is {_quote(body)}: give it a mapping, such as {EXAMPLES[kind]}.")
    return {"kind": kind, **CONDITIONS[kind](body, f"{where}: {kind}", lookback)}


def _level(body: Mapping[str, Any], where: str, lookback: int) -> dict[str, Any]:
    _check_keys(body, ("above", "below", "feature"), where)
    return {**_bounds(body, where), "feature": _feature(body, where)}


def _jump(body: Mapping[str, Any], where: str, lookback: int) -> dict[str, Any]:
    _check_keys(body, ("above", "below", "steps", "feature"), where)
    steps = _steps(body, where, 1, lookback - 1)
    return {**_bounds(body, where), "steps": steps, "feature": _feature(body, where)}


def _zscore(body: Mapping[str, Any], where: str, lookback: int) -> dict[str, Any]:
    _check_keys(body, ("above", "below", "feature"), where)
    bounds = _bounds(body, where)
    for bound in bounds.values():
        if bound is not None and abs(bound) > 100:
            raise UserError(
                f"{where}: {bound:g} is out of range: give standard deviations between -100 and 100."
            )
    return {**bounds, "feature": _feature(body, where)}


def _flat(body: Mapping[str, Any], where: str, lookback: int) -> dict[str, Any]:
    _check_keys(body, ("steps", "tolerance", "feature"), where)
    tolerance = _number(body.get("tolerance", 0.0), f"{where}.tolerance")
    if tolerance < 0:
        raise UserError(f"{where}.tolerance={tolerance:g} is out of range: it must be at least 0.")
    steps = _steps(body, where, 2, lookback)
    return {"steps": steps, "tolerance": tolerance, "feature": _feature(body, where)}


def _time_of_day(body: Mapping[str, Any], where: str, lookback: int) -> dict[str, Any]:
    _check_keys(body, ("from", "to"), where)
    start, stop = (_minute(body.get(name), f"{where}.{name}") for name in ("from", "to"))
    if start == stop:
        raise UserError(f"{where}: from and to are the same time: leave the condition out for all day.")
    return {"from": start, "to": stop}


CONDITIONS: dict[str, Callable[[Mapping[str, Any], str, int], dict[str, Any]]] = {
    "level": _level,
    "jump": _jump,
    "zscore": _zscore,
    "flat": _flat,
    "time_of_day": _time_of_day,
}
EXAMPLES = {
    "level": "{above: 2.5}",
    "jump": "{steps: 3, above: 1.0}",
    "zscore": "{above: 3}",
    "flat": "{steps: 15}",
    "time_of_day": "{from: '18:00', to: '22:00'}",
    "clip": "{low: 0, high: training}",
    "ramp": "{up: 0.2, down: 0.5}",
}


def _parse_action(node: object, where: str) -> dict[str, Any]:
    if node in ("hold", "seasonal"):
        return {"kind": node}
    kind, body = _single_entry(node, f"{where}: an action", ["hold", "seasonal", "clip", "ramp"])
    if kind in ("hold", "seasonal"):
        raise UserError(f"{where}: '{kind}' takes nothing: write then: {kind}.")
    if not isinstance(body, Mapping):
        raise UserError(f"{where}: '{kind}' is {_quote(body)}: give it a mapping, such as {EXAMPLES[kind]}.")
    return _clip(body, f"{where}: clip") if kind == "clip" else _ramp(body, f"{where}: ramp")


def _clip(body: Mapping[str, Any], where: str) -> dict[str, Any]:
    _check_keys(body, ("low", "high"), where)
    limits = {
        name: value if value is None or value == TRAINING else _number(value, f"{where}.{name}")
        for name, value in ((name, body.get(name)) for name in ("low", "high"))
    }
    _check_any(limits, where)
    low, high = limits["low"], limits["high"]
    if isinstance(low, float) and isinstance(high, float) and low >= high:
        raise UserError(f"{where}: low={low:g} is not below high={high:g}.")
    return {"kind": "clip", **limits}


def _ramp(body: Mapping[str, Any], where: str) -> dict[str, Any]:
    _check_keys(body, ("up", "down"), where)
    limits = {
        name: None if body.get(name) is None else _number(body[name], f"{where}.{name}")
        for name in ("up", "down")
    }
    _check_any(limits, where)
    for name, value in limits.items():
        if value is not None and value < 0:
            raise UserError(f"{where}.{name}={value:g} is out of range: a change per step is at least 0.")
    return {"kind": "ramp", **limits}


def _single_entry(node: object, label: str, kinds: list[str]) -> tuple[str, Any]:
    """Return the only key of a mapping and its value; a word stands for a key without a value."""
    if isinstance(node, str):
        node = {node: None}
    if not isinstance(node, Mapping) or len(node) != 1:
        raise UserError(f"{label} is {_quote(node)}: give exactly one of {', '.join(kinds)}.")
    kind, body = next(iter(node.items()))
    if kind not in kinds:
        raise UserError(
            f"{label} is '{kind}', which does not exist.{nearest(str(kind), kinds)} Choose {', '.join(kinds)}."
        )
    return kind, body


def _check_keys(body: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in body:
        if key not in keys:
            raise UserError(
                f"{where} has no key '{key}'.{nearest(str(key), keys)} It takes {', '.join(keys)}."
            )


def _bounds(body: Mapping[str, Any], where: str) -> dict[str, float | None]:
    bounds = {
        name: None if body.get(name) is None else _number(body[name], f"{where}.{name}")
        for name in ("above", "below")
    }
    _check_any(bounds, where)
    above, below = bounds["above"], bounds["below"]
    if above is not None and below is not None and above >= below:
        raise UserError(
            f"{where}: nothing is above {above:g} and below {below:g}: use any for one or the other."
        )
    return bounds


def _check_any(limits: Mapping[str, object], where: str) -> None:
    if all(value is None for value in limits.values()):
        raise UserError(f"{where} lacks a number: give {' or '.join(limits)}.")


def _steps(body: Mapping[str, Any], where: str, low: int, high: int) -> int:
    steps = body.get("steps")
    if isinstance(steps, bool) or not isinstance(steps, int):
        raise UserError(f"{where}.steps is {_quote(steps)}: give a whole number of steps.")
    if not low <= steps <= high:
        raise UserError(
            f"{where}.steps={steps} is out of range: between {low} and {high} fit window.lookback."
        )
    return steps


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UserError(f"{where} is {_quote(value)}: give a number.")
    return float(value)


def _feature(body: Mapping[str, Any], where: str) -> str | None:
    feature = body.get("feature")
    if feature is not None and not isinstance(feature, str):
        raise UserError(f"{where}.feature is {_quote(feature)}: name one of the data's features.")
    return feature


def _minute(value: object, where: str) -> int:
    """Return the minutes since midnight of ``"18:30"``; YAML reads an unquoted 18:30 as 1110."""
    if isinstance(value, str) and value.count(":") == 1 and value.replace(":", "").isdecimal():
        hours, minutes = map(int, value.split(":"))
        value = hours * 60 + minutes if minutes < 60 else None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= DAY_MINUTES:
        raise UserError(f"{where} is {_quote(value)}: give a time of day from '00:00' to '24:00'.")
    return value % DAY_MINUTES


def _quote(value: object) -> str:
    text = "missing" if value is None else f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
