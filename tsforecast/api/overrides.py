"""Options of a function as overrides of a command line."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

Overrides = Sequence[str] | Mapping[str, Any]


def override(key: str, value: object) -> str:
    """Return ``key=value`` as the command line would need it, whatever characters the value has.

    Example:
        >>> override("data.target", ["load", "north (MW)"])
        "data.target=[load,'north (MW)']"
        >>> override("training.max_minutes", 0.5), override("model.encoding", None), override("data.mask", True)
        ('training.max_minutes=0.5', 'model.encoding=null', 'data.mask=true')
    """
    return f"{key}={_format(value)}"


def optional_override(key: str, value: object) -> list[str]:
    """Return the override of an argument; none for None, its default.

    Example:
        >>> optional_override("model", "gru"), optional_override("model", None)
        (['model=gru'], [])
    """
    return [] if value is None else [override(key, value)]


def as_list(values: object) -> list[Any] | None:
    """Return several values as a list, and a single one as a list of one; None stays None.

    Example:
        >>> as_list("gru"), as_list(("gru", "lstm")), as_list(None)
        (['gru'], ['gru', 'lstm'], None)
    """
    if values is None:
        return None
    if isinstance(values, Iterable) and not isinstance(values, (str, PathLike)):
        return list(values)
    return [values]


def as_overrides(options: Overrides | None) -> list[str]:
    """Return options, given as a mapping or as overrides already, as a list of overrides.

    Example:
        >>> as_overrides({"window.horizon": 12, "optimizer": "lion"})
        ['window.horizon=12', 'optimizer=lion']
        >>> as_overrides(["window.horizon=12"])
        ['window.horizon=12']
    """
    if isinstance(options, Mapping):
        return [override(key, value) for key, value in options.items()]
    return [str(item) for item in as_list(options) or ()]


def has_key(overrides: Sequence[str], *keys: str) -> bool:
    """Return whether one of the overrides sets one of these keys."""
    return any(item.lstrip("+~").partition("=")[0] in keys for item in overrides)


def _format(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_format(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (str, PathLike)):
        return _quote(os.fspath(value))
    if isinstance(value, Sequence):
        return "[" + ",".join(map(_format, value)) + "]"
    return _format(value.tolist()) if hasattr(value, "tolist") else repr(value)


def _quote(text: str) -> str:
    """Return a text as it is if it is a plain word, else in quotes."""
    if re.fullmatch(r"[A-Za-z_]\w*", text, re.ASCII) and text.lower() not in (
        "null",
        "true",
        "false",
        "nan",
        "inf",
    ):
        return text
    escaped = re.sub(r"(\\*)('|$)", lambda match: match[1] * 2 + match[2].replace("'", "\\'"), text)
    return f"'{escaped}'"
