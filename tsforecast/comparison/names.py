"""Names of runs after what distinguishes them, short enough for a table and a legend."""

import json
import re
from collections.abc import Mapping, Sequence

MAX_LENGTH = 60
GENERIC_NAMES = ("load", "read", "start", "main")  # of functions, which are named after their module instead


def name_runs(settings: Sequence[Mapping[str, object]]) -> list[str]:
    """Return a name for each run.

    Where a name would be longer than ``MAX_LENGTH``, the keys that distinguish most runs are kept, as many as there is
    room for, and an ellipsis stands for the rest. Names may then be equal.

    Args:
        settings: For each run the keys in which runs differ; the same keys for all.

    Example:
        >>> name_runs([{"model": "gru", "batch_size": 64}, {"model": "lstm", "batch_size": 64}])
        ['model=gru batch_size=64', 'model=lstm batch_size=64']
    """
    parts = [[f"{key}={format_setting(value)}" for key, value in run.items()] for run in settings]
    if all(len(" ".join(run)) <= MAX_LENGTH for run in parts):
        return [" ".join(run) for run in parts]
    order = _rank_keys(parts)
    return [_shorten(run, order) for run in parts]


def _rank_keys(parts: Sequence[Sequence[str]]) -> list[int]:
    """Return the indices of the keys; each next one separates most of the runs that are still equal."""
    chosen: list[int] = []
    rest = list(range(len(parts[0])))
    while rest:
        counts = [len({tuple(run[i] for i in (*chosen, index)) for run in parts}) for index in rest]
        chosen.append(rest.pop(counts.index(max(counts))))
    return chosen


def _shorten(parts: Sequence[str], order: Sequence[int]) -> str:
    """Return the parts in their own order: of those in ``order``, as many as fit; a part that is too long is cut."""
    chosen: list[int] = []
    for index in order:
        if len(" ".join(parts[i] for i in (*chosen, index))) + 2 > MAX_LENGTH:
            break
        chosen.append(index)
    fitting = [parts[i] for i in sorted(chosen)] or [parts[order[0]][: MAX_LENGTH - 2]]
    return " ".join([*fitting, "…"])


def format_setting(value: object) -> str:
    """Return a value of a config in a few characters.

    Example:
        >>> format_setting([128, 64]), format_setting(0.0010000001)
        ('[128,64]', '0.001')
    """
    if isinstance(value, (list, dict)):
        return json.dumps(value, separators=(",", ":")).replace('"', "")
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def target_name(target: str) -> str:
    """Return the short name of a ``_target_``.

    Example:
        >>> target_name("tsforecast.models.gru.GRU"), target_name("tsforecast.losses.SquaredError")
        ('gru', 'squared_error')
    """
    module, name = target.split(".")[-2:]
    is_same = module.replace("_", "") == name.lower()
    if is_same or name in GENERIC_NAMES:
        return module
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name).lower()
