"""The sentence of an alarm, by kind."""

import math
from collections.abc import Callable, Mapping

from tsforecast.formatting import duration, format_number

Figures = Mapping[str, float]


def describe_alarm(kind: str, feature: str, figures: Figures, step: int) -> str:
    """Return what is wrong, in one sentence.

    Args:
        kind: Kind of the alarm.
        feature: Feature or target that it concerns.
        figures: Figures of the detector.
        step: Seconds from one row to the next.

    Example:
        >>> describe_alarm("stuck", "voltage", {"rows": 9, "value": 241.5, "limit": 8}, step=60)
        'voltage has been 241.5 for 9 min 0 s; training had no such run of more than 8 rows.'
    """
    return _SENTENCES[kind](feature, figures, step)


def _missing(feature: str, figures: Figures, step: int) -> str:
    verb = "have" if feature == ALL else "has"
    if figures["share"] >= figures["limit"]:
        return f"{feature} {verb} no value in {100 * figures['share']:.0f} % of the newest rows."
    return f"{feature} {verb} had no value for {duration(figures['rows'] * step)}."


def _silence(feature: str, figures: Figures, step: int) -> str:
    return f"No row has arrived for {duration(figures['seconds'])}, which is longer than any pause before."


def _stuck(feature: str, figures: Figures, step: int) -> str:
    value, length = format_number(figures["value"]), duration(figures["rows"] * step)
    limit = int(figures["limit"])
    return f"{feature} has been {value} for {length}; training had no such run of more than {limit:,} rows."


def _range(feature: str, figures: Figures, step: int) -> str:
    return (
        f"{feature} is {format_number(figures['value'])}, far from all values of training:"
        " it may have changed its unit."
    )


def _level(feature: str, figures: Figures, step: int) -> str:
    return (
        f"{feature} has drifted {_direction(figures)}: its newest block mean is {format_number(figures['value'])},"
        f" where {format_number(figures['usual'])} is usual at that time."
    )


def _noise(feature: str, figures: Figures, step: int) -> str:
    ratio = math.exp(figures["value"] - figures["usual"])
    return f"{feature} changes {format_number(ratio)} times as much from row to row as is usual at that time."


def _relation(feature: str, figures: Figures, step: int) -> str:
    difference = figures["value"] - figures["usual"]
    side = "above" if difference > 0 else "below"
    return (
        f"{feature} no longer agrees with the other features: its newest block mean is"
        f" {format_number(abs(difference))} {side} what follows from them."
    )


def _residual(feature: str, figures: Figures, step: int) -> str:
    side = "above" if figures["value"] > 0 else "below"
    return (
        f"Forecasts of {feature} are biased: its values are {format_number(abs(figures['value']))} {side} them"
        " on average in the newest block."
    )


def _error(feature: str, figures: Figures, step: int) -> str:
    now, usual = (math.exp(figures[name]) for name in ("value", "usual"))
    return (
        f"Forecasts of {feature} have become worse: their mean absolute error is {format_number(now)} in the newest"
        f" block, where {format_number(usual)} was usual in validation."
    )


def _coverage(feature: str, figures: Figures, step: int) -> str:
    return (
        f"{100 * figures['value']:.1f} % of the truths of {feature} were in their intervals in the last day, where"
        f" {100 * figures['usual']:.0f} % should be."
    )


def _promise(feature: str, figures: Figures, step: int) -> str:
    return (
        f"The error of {feature} is {100 * figures['value']:.0f} % of persistence's in the last week, where evaluation"
        f" promised {100 * figures['usual']:.0f} %."
    )


def _anomaly(feature: str, figures: Figures, step: int) -> str:
    return (
        f"A reading of {feature} is anomalous: it differs from its forecast by {format_number(abs(figures['value']))}"
        f" (p = {figures['p_value']:.2g})."
    )


def _spike(feature: str, figures: Figures, step: int) -> str:
    rise = figures["forecast"] - figures["last"]
    known = "" if math.isnan(rise) else f", a rise of {format_number(rise)}"
    return f"A spike of {feature} is forecast: {format_number(figures['forecast'])}{known}."


def _direction(figures: Figures) -> str:
    return "up" if figures["shift"] > 0 else "down"


ALL = "All features"
_SENTENCES: dict[str, Callable[[str, Figures, int], str]] = {
    "silence": _silence,
    "missing": _missing,
    "stuck": _stuck,
    "range": _range,
    "level": _level,
    "noise": _noise,
    "relation": _relation,
    "residual": _residual,
    "error": _error,
    "coverage": _coverage,
    "promise": _promise,
    "anomaly": _anomaly,
    "spike": _spike,
}
