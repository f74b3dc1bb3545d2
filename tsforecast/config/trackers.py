"""Several trackers at once, as in ``tracker=[wandb,tensorboard]``."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from tsforecast import config_files
from tsforecast.errors import UserError, nearest


def chosen_trackers(overrides: Sequence[str]) -> list[str]:
    """Return the trackers that a command lists; none if it names a single one, or none at all.

    Example:
        >>> chosen_trackers(["model=gru", "tracker=[wandb, tensorboard]"])
        ['wandb', 'tensorboard']
    """
    for override in reversed(overrides):
        key, _, value = override.lstrip("+").partition("=")
        if key == "tracker":
            return (
                [word.strip() for word in value[1:-1].split(",") if word.strip()] if value[:1] == "[" else []
            )
    return []


def split_trackers(options: Mapping[str, Any], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the options of each tracker, given those of all, which Hydra merged.

    An option that several have, such as ``group``, is set for all of them.

    Args:
        options: The merged options.
        names: Names of the trackers.

    Raises:
        UserError: None of the trackers has an option that was added.
    """
    stored = {name: _options(name) for name in names}
    known = {key for node in stored.values() for key in node}
    for key in options:
        if key not in known:
            raise UserError(
                f"tracker.{key} is an option of none of {', '.join(names)}.{nearest(key, sorted(known))}"
            )
    return {
        name: {key: node[key] if key == "_target_" else options[key] for key in node}
        for name, node in stored.items()
    }


def _options(name: str) -> dict[str, Any]:
    """Return the options of a tracker as its YAML file has them."""
    file = config_files.find("tracker", name)
    if file is None:
        known = config_files.choices("tracker")
        raise UserError(f"There is no tracker={name}.{nearest(name, known)} Choices: {', '.join(known)}.")
    options: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return options
