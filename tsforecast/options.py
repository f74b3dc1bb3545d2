"""Ranges of options and arguments, declared where the option or argument is.

Example:
    >>> from dataclasses import dataclass
    >>> from typing import Annotated, Literal
    >>> @dataclass(frozen=True, kw_only=True)
    ... class WindowOptions:
    ...     lookback: Annotated[int, Range(1, 100_000)]
    ...     padding: Literal["end", "none"]
    >>> read_rule(field_rules(WindowOptions)["lookback"]).range
    Range(low=1, high=100000)

The rules are checked before TensorFlow is imported: this module imports the standard library only.
"""

import math
import types
import typing
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, Union, get_args, get_origin


@dataclass(frozen=True)
class Range:
    """The legal values of a number, or of each element of a list of numbers: ``low <= value <= high``."""

    low: float = -math.inf
    high: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high  # False for NaN

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"at least {_plain(self.low)}"
        return f"between {_plain(self.low)} and {_plain(self.high)}"


@dataclass(frozen=True)
class Rule:
    """What an annotation allows: a range of numbers, or a list of words; either may be missing."""

    range: Range | None = None
    choices: tuple[str, ...] = ()


def field_rules(options: type) -> dict[str, Any]:
    """Return the annotations of a dataclass by field name, with their ranges."""
    hints = typing.get_type_hints(options, include_extras=True)
    return {field.name: hints[field.name] for field in fields(options)}


def read_rule(annotation: object) -> Rule:
    """Return the range and the choices that an annotation declares."""
    limit = None
    if get_origin(annotation) is Annotated:
        annotation, *extras = get_args(annotation)
        limit = next((extra for extra in extras if isinstance(extra, Range)), None)
    members = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    literals = [get_args(member) for member in members if get_origin(member) is Literal]
    return Rule(limit, tuple(str(word) for words in literals for word in words))


def _plain(bound: float) -> str:
    """A bound as a person writes it: 2147483647, not 2.14748e+09."""
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"
