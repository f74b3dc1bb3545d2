"""Checks of single values against the ranges that are declared next to them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tsforecast.config.signatures import argument_rules
from tsforecast.context.options import ContextOptions
from tsforecast.data.options import ScalingOptions
from tsforecast.errors import UserError, nearest
from tsforecast.models.options import EncodingOptions, StatisticsOptions, WindowFeaturesOptions
from tsforecast.options import Rule, field_rules
from tsforecast.times.frequency import Frequency

MODEL_PARTS = {  # options of a part of a model, with an example
    "encoding": (EncodingOptions, "{bins: 64, units: 96}"),
    "statistics": (StatisticsOptions, "{spans: [5, 15, 30, 60], bins: 16, units: 64}"),
    "window_features": (
        WindowFeaturesOptions,
        "{lags: [1, 5, 30], spans: [5, 15, 60], bins: 32, width: 8, units: 512}",
    ),
}
KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


def check_options(options: Any, prefix: str = "") -> None:
    """Check the options of a dataclass, and those inside it.

    Args:
        options: An instance of a dataclass.
        prefix: Where its fields are in the config, with a dot at the end.

    Raises:
        UserError: An option is out of its range or is not one of its choices.
    """
    for field, rule in field_rules(type(options)).items():
        value, name = getattr(options, field), f"{prefix}{field}"
        if dataclasses.is_dataclass(value):
            check_options(value, f"{name}.")
        else:
            for item in value if isinstance(value, list) else [value]:
                _check_value(item, name, rule)


def check_arguments(node: dict[str, Any], root: str) -> None:
    """Check the arguments of a target against the annotations of its signature.

    Args:
        node: ``_target_`` and its arguments.
        root: Key of the node in the config.

    Raises:
        UserError: An argument has another type than its annotation, or is out of its range.
    """
    rules = argument_rules(node["_target_"])
    for name, value in node.items():
        if name in rules:
            _check_argument(value, f"{root}.{name}", rules[name])


def check_scaling(options: ScalingOptions) -> None:
    """Check the methods of single columns.

    Raises:
        UserError: They are not a dict of columns and methods.
    """
    methods, columns = field_rules(ScalingOptions)["method"], options.columns
    if columns is None:
        return
    if not isinstance(columns, dict):
        raise UserError(f"scaling.columns={columns} must name columns and methods, as in {{price: log1p}}.")
    for name, method in columns.items():
        _check_value(method, f"scaling.columns.{name}", methods)


def check_context(options: ContextOptions) -> None:
    """Check the durations of the context.

    Raises:
        UserError: There is none, or one is not a duration.
    """
    if options.kind == "none":
        return
    if not options.spans:
        raise UserError("context.spans is empty: give at least one duration, as in context.spans=[1d,7d].")
    for span in options.spans:
        Frequency.parse(span, "context.spans")
    for width in options.around or ():
        Frequency.parse(width, "context.around")


def check_data(data: dict[str, Any]) -> None:
    """Check what is done with the data of any source.

    Raises:
        UserError: ``mask`` or ``series_input`` is neither true nor false.
    """
    for name in ("mask", "series_input"):
        _check_argument(data.get(name, False), f"data.{name}", Rule(kind=bool))


def check_model_parts(model: Mapping[str, Any], root: str = "model") -> None:
    """Check the encoding of a model's inputs and the statistics of its window.

    Args:
        model: Arguments of a model.
        root: Their key in the config.

    Raises:
        UserError: One of them is neither None nor a dict of its options in their ranges.
    """
    for name, (options, example) in MODEL_PARTS.items():
        part = model.get(name)
        if part is None:
            continue
        rules = field_rules(options)
        if not isinstance(part, dict) or set(part) != set(rules):
            raise UserError(
                f"{root}.{name} must be null, or give {_all_of(list(rules))}, as in {root}.{name}={example}."
            )
        for key, value in part.items():
            _check_argument(value, f"{root}.{name}.{key}", rules[key])


def _all_of(names: Sequence[str]) -> str:
    return (
        f"both {names[0]} and {names[1]}" if len(names) == 2 else f"{', '.join(names[:-1])} and {names[-1]}"
    )


def check_quantiles(loss: dict[str, Any]) -> None:
    """Check the quantile levels of a loss.

    Raises:
        UserError: They do not rise from above 0 to below 1, or leave out the median.
    """
    levels = loss.get("quantile_levels")
    if levels is None and not loss["_target_"].endswith(".Quantile"):
        return
    listed = levels if isinstance(levels, list) else []
    numbers = bool(listed) and all(isinstance(q, float) and 0 < q < 1 for q in listed)
    if not numbers or sorted(set(listed)) != listed or 0.5 not in listed:
        raise UserError(
            f"loss.quantile_levels={levels} must rise from above 0 to below 1 and include 0.5, as in [0.1,0.5,0.9]."
        )


def _check_argument(value: Any, name: str, rule: Rule) -> None:
    if value == [] and rule.not_empty is not None:
        example = f"{name}=[{rule.not_empty.example}]"
        raise UserError(f"{name} is empty: give at least one value, as in {example}.")
    if rule.is_list and value is not None and not isinstance(value, list):
        raise UserError(f"{name}={value} is not a list: write {name}=[{value}].")
    if isinstance(value, list) and rule.kind is not None and not rule.is_list:
        raise UserError(f"{name}={value} is a list: give it {KINDS[rule.kind]}.")
    for item in value if isinstance(value, list) else [value]:
        if item is None:
            continue
        if rule.kind is not None and not _is_kind(item, rule.kind):
            raise UserError(f"{name}={item} is not {KINDS[rule.kind]}.")
        _check_value(item, name, rule)


def _check_value(value: Any, name: str, rule: Rule) -> None:
    if value is None:
        return
    if rule.choices and value not in rule.choices:
        raise UserError(
            f"{name}={value} is not one of {', '.join(rule.choices)}.{nearest(str(value), rule.choices)}"
        )
    if rule.range is not None and not isinstance(value, str) and value not in rule.range:
        raise UserError(f"{name}={value} is out of range: it must be {rule.range}.")


def _is_kind(value: Any, kind: type) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    return isinstance(value, (int, kind))
