"""Names of runs by what sets them apart, short enough for a table and a legend."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 60
_NO_SUBJECT = ("load", "read", "start", "main")


def names(axes: Sequence[Mapping[str, Any]]) -> list[str]:
    """A name for each run, as in ``model=gru batch_size=64``.

    Where a name would be longer than ``LONGEST``, the keys that tell most runs from each other are kept, as many as
    there is room for, and an ellipsis stands for the rest. Names may then be the same.

    Args:
        axes: for each run the keys in which runs differ, all of the same keys.
    """
    parts = [[f"{key}={written(value)}" for key, value in one.items()] for one in axes]
    if all(len(" ".join(one)) <= LONGEST for one in parts):
        return [" ".join(one) for one in parts]
    order = _telling(parts)
    return [_fitted(one, order) for one in parts]


def _telling(parts: Sequence[Sequence[str]]) -> list[int]:
    """The places of the keys, each next one the one that tells most of the still equal runs from each other."""
    chosen: list[int] = []
    left = list(range(len(parts[0])))
    while left:
        kinds = [len({tuple(one[place] for place in (*chosen, extra)) for one in parts}) for extra in left]
        chosen.append(left.pop(kinds.index(max(kinds))))
    return chosen


def _fitted(parts: Sequence[str], order: Sequence[int]) -> str:
    """The parts in their own order: of those in ``order``, as many as fit; a part that is too long is cut."""
    kept: list[int] = []
    for place in order:
        if len(" ".join(parts[i] for i in (*kept, place))) + 2 > LONGEST:
            break
        kept.append(place)
    shown = [parts[i] for i in sorted(kept)] or [parts[order[0]][: LONGEST - 2]]
    return " ".join([*shown, "…"])


def written(value: Any) -> str:
    """A value of a config in a few signs."""
    if isinstance(value, (list, dict)):
        return json.dumps(value, separators=(",", ":")).replace('"', "")
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def built(target: str) -> str:
    """The short name of what is built: ``gru`` of ``models.gru.GRU``, ``squared_error`` of ``losses.SquaredError``."""
    module, name = target.split(".")[-2:]
    same = module.replace("_", "") == name.lower()
    return module if same or name in _NO_SUBJECT else re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name).lower()
