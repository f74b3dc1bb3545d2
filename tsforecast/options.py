"""Ranges of options and arguments, declared where the option or argument is.

Example:
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, kw_only=True)
    ... class WindowOptions:
    ...     lookback: Annotated[int, Range(1, 100_000)]
    ...     padding: Literal["end", "none"]
    >>> field_rules(WindowOptions)["lookback"].range
    Range(low=1, high=100000)
    >>> field_rules(WindowOptions)["padding"].choices
    ('end', 'none')

``tsforecast.config`` checks them before TensorFlow is imported: this module imports the standard library only.
"""

import math
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, Union, get_args, get_origin


@dataclass(frozen=True)
class Range:
    """The legal values of a number, or of each number in a list: ``low <= value <= high``."""

    low: float = -math.inf
    high: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high  # False for NaN

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"at least {_plain(self.low)}"
        return f"between {_plain(self.low)} and {_plain(self.high)}"


@dataclass(frozen=True)
class Choices:
    """The legal words of an option whose choices are found at run time; use ``Literal`` for words known in advance."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class NotEmpty:
    """A list of at least one value.

    Args:
        example: A value that it could hold, for the message.
    """

    example: float


Width = Annotated[int, Range(1, 65_536)]  # of a layer
Widths = Annotated[Sequence[Width], NotEmpty(64)]
Dropout = Annotated[float, Range(0.0, 0.95)]
SpikeWeight = Annotated[float, Range(0.0, 1e6)]  # of the cross-entropy in the loss
EmbeddingWidth = Annotated[int | None, Range(1, 1024)]  # of a category


@dataclass(frozen=True)
class Rule:
    """What an annotation allows.

    Args:
        kind: ``int``, ``float`` or ``bool`` of the value or of a list's elements; None for other types.
        range: Legal range of a number.
        choices: Legal words.
        not_empty: Whether a list must have an element.
        is_list: Whether the value must be a list.
    """

    kind: type | None = None
    range: Range | None = None
    choices: tuple[str, ...] = ()
    not_empty: NotEmpty | None = None
    is_list: bool = False


def field_rules(options: type) -> dict[str, Rule]:
    """Return the rules of a dataclass by field name."""
    hints = typing.get_type_hints(options, include_extras=True)
    return {field.name: read_rule(hints[field.name]) for field in fields(options)}


def read_rule(annotation: Any) -> Rule:
    """Return the rule that an annotation declares; that of its elements for a list."""
    inner, extras, is_list = annotation, [], False
    while True:
        origin, arguments = get_origin(inner), get_args(inner)
        members = [member for member in arguments if member is not type(None)]
        if origin is Annotated:
            inner, *more = arguments
            extras += more
        elif origin in (Union, types.UnionType) and len(members) == 1:
            inner = members[0]
        elif origin in (list, Sequence):
            inner, is_list = arguments[0], True
        else:
            break
    words = next((extra.words for extra in extras if isinstance(extra, Choices)), ())
    return Rule(
        kind=inner if inner in (int, float, bool) else None,
        range=next((extra for extra in extras if isinstance(extra, Range)), None),
        choices=tuple(map(str, arguments)) if origin is Literal else words,
        not_empty=next((extra for extra in extras if isinstance(extra, NotEmpty)), None),
        is_list=is_list,
    )


def _plain(bound: float) -> str:
    """A bound as a person writes it: 2147483647, not 2.14748e+09."""
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"
