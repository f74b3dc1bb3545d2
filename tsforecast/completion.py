"""What Tab offers after ``python run.py``: groups, choices, keys, values and paths, read from ``conf/``.

A shell waits for this at every Tab, so it does without Hydra, whose import and composing take many times as long.
"""

import glob
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tsforecast import config_files
from tsforecast.installation import CONF


def answer() -> bool:
    """Print what could follow the line in ``COMP_LINE`` up to ``COMP_POINT``; False leaves the answer to Hydra."""
    line = os.environ.get("COMP_LINE", "")
    completions = candidates(line[: int(os.environ.get("COMP_POINT") or len(line))])
    if completions is not None:
        print(" ".join(completions))
    return completions is not None


def candidates(line: str) -> list[str] | None:
    """All words that the last one of a line could become, in order; None for a key of Hydra's own.

    Args:
        line: the command up to the cursor, as in ``python run.py -m model=lstm,g``.
    """
    words = line.split()
    word = words.pop() if words and not line[-1].isspace() else ""
    mark = word[:1] if word[:1] in ("+", "~") else ""
    word = word.removeprefix(mark)
    if word.startswith(("hydra.", "hydra/")):
        return None
    key, equals, value = word.partition("=")
    completions = _values(key, value, words) if equals else _keys(word, words)
    return [mark + one for one in sorted(completions) if one.startswith(word)]


def _values(key: str, value: str, words: Sequence[str]) -> list[str]:
    """``KEY=VALUE`` for a group's choices, after the commas of a sweep too, and for a path or the value in force."""
    before, comma, _ = value.rpartition(",")
    if config_files.is_group(key):
        return [f"{key}={before}{comma}{choice}" for choice in config_files.choices(key)]
    paths = (
        [path + "/" * os.path.isdir(path) for path in glob.glob(f"{glob.escape(value)}*")] if value else []
    )
    *parents, last = key.split(".")
    now = _node(parents, words).get(last)
    likely = ["true", "false"] if isinstance(now, bool) else [] if isinstance(now, (dict, list)) else [now]
    return [f"{key}={one}" for one in [*paths, *(one for one in likely if one is not None)]]


def _keys(word: str, words: Sequence[str]) -> list[str]:
    """``KEY=`` for a value and ``KEY.`` for a node, after the last dot; at the top ``GROUP=`` too."""
    *parents, _ = word.split(".")
    node = _node(parents, words)
    under = "".join(f"{parent}." for parent in parents)
    keys = [f"{under}{key}{'.' if isinstance(value, dict) else '='}" for key, value in node.items()]
    return keys if parents else [*keys, *(f"{group}=" for group in _groups(words)), "hydra/"]


def _node(path: Sequence[str], words: Sequence[str]) -> dict[str, Any]:
    """The keys under a path, with the choices that the other words of the line make; empty if there are none."""
    chosen = _parse_choices(words)
    node: Any = _read(CONF / "config.yaml") | _group("job", chosen.get("job", ""))
    node = {**node, **{group: {} for group in _groups(words) if group not in (*node, "experiment")}}
    if path and config_files.is_group(path[0]) and path[0] != "job":
        node = {path[0]: _group(path[0], chosen.get(path[0], ""))}
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}


def _parse_choices(words: Sequence[str]) -> dict[str, str]:
    """The choice of each group: the line's, else that of its experiment, model or job, else the default."""
    typed = dict(word.lstrip("+").split("=", 1) for word in words if "=" in word)
    typed = {key: value.split(",")[0] for key, value in typed.items()}
    chosen = _defaults(CONF / "config.yaml") | _defaults_of("experiment", typed.get("experiment"))
    chosen |= _defaults_of("model", typed.get("model", chosen["model"])) | typed
    return _defaults_of("job", chosen["job"]) | chosen


def _group(group: str, choice: str) -> dict[str, Any]:
    """The keys of a choice, with those of the choices that it is built on."""
    path = config_files.find(group, choice)
    if path is None:
        return {}
    bases = [base for base in _read(path, "defaults") or [] if isinstance(base, str) and base != "_self_"]
    merged: dict[str, Any] = {}
    for base in bases:
        merged |= _group(group, base)
    return merged | {key: value for key, value in _read(path).items() if not key.startswith("_")}


def _defaults_of(group: str, choice: str | None) -> dict[str, str]:
    """Group -> choice, of the defaults list of a choice; empty without such a file."""
    path = config_files.find(group, str(choice))
    return {} if path is None else _defaults(path)


def _defaults(path: Path) -> dict[str, str]:
    """Group -> choice, of a file's defaults list."""
    return {
        group.removeprefix("override ").lstrip("/"): str(choice)
        for item in _read(path, "defaults") or []
        if isinstance(item, Mapping)
        for group, choice in item.items()
    }


@cache
def _read(path: Path, only: str | None = None) -> Any:
    """A YAML without what is Hydra's, or ``only`` one key of it."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content = yaml.load(path.read_text(encoding="utf-8"), loader) or {}
    if only:
        return content.get(only)
    return {key: value for key, value in content.items() if key not in ("defaults", "hydra")}


def _groups(words: Sequence[str]) -> list[str]:
    """The groups in force; some come with their jobs."""
    in_force = _parse_choices(words)
    return [group for group in config_files.groups() if group in in_force]
