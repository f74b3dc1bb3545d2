"""Writes and reads the config of a run."""

import re
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tsforecast.config.nodes import config_node, to_config
from tsforecast.config.schema import Command, Config, is_group, job_fields
from tsforecast.config_files import targets
from tsforecast.errors import UserError
from tsforecast.files import write_text
from tsforecast.installation import COMMAND

ALIAS = re.compile(r"(?m)(^|[\s\[{,:-])[&*][\w-]+\s*($|[\s,\]}])")
# Values of options that were not there when a config was written, and that the command's own must not replace.
EARLIER = {
    "scaling": {"method": "standard", "columns": None, "per": "auto"},
    "context": {"kind": "none", "channels": None, "spans": [], "rise": 0.5},
}
# Keys that a group got since a config was written.
EARLIER_KEYS: dict[str, dict[str, Any]] = {
    "spike": {"max_false_alarms_per_day": None},
    "scaling": {"per": "auto"},
    "report": {"format": ["html"]},
    "distill": {"folds": None},
    "context": {"around": None, "weeks": 4, "surge": 1.0},
}
# Where a target moved to since a config was written; its last part is unchanged.
MOVED_TARGETS = {
    "tsforecast.data.table.": "tsforecast.data.sources.csv.",
    "tsforecast.data.ett.": "tsforecast.data.sources.ett.",
    "tsforecast.data.synthetic.": "tsforecast.data.sources.synthetic.",
    "tsforecast.data.household_power.": "tsforecast.data.sources.household_power.",
    "tsforecast.models.ensemble.": "tsforecast.ensemble.",
}


def save(config: Config, path: Path) -> str:
    """Write the config that a job reads as YAML, and return the text."""
    text = as_yaml(config)
    write_text(path, text)
    return text


def as_yaml(config: Config) -> str:
    """Return the config as YAML, with the keys that its job reads."""
    return OmegaConf.to_yaml(_node(config))


def as_dict(config: Config) -> dict[str, Any]:
    """Return the config as plain containers, with the keys that its job reads."""
    return OmegaConf.to_container(_node(config))  # type: ignore[return-value]


def _node(config: Config) -> DictConfig:
    values = asdict(config)
    names = [name for name in job_fields(config.job.name) if values[name] is not None or not is_group(name)]
    return OmegaConf.merge(config_node(names), {name: values[name] for name in names})  # type: ignore[return-value]


def load(path: Path, defaults: Config | None = None) -> Config:
    """Read a config that ``as_yaml`` wrote, in this version or an earlier one.

    Args:
        path: The file.
        defaults: Config with the values of keys that the version which wrote the file did not have.

    Raises:
        UserError: There is no such file, or it does not fit this version's schema.
    """
    if not path.is_file():
        raise UserError(
            f"{path.parent} is not the folder of a run: it has no {path.name}; give a folder that `{COMMAND}` made."
        )
    try:
        stored = _read(path)
        if defaults is not None:
            _fill(stored, as_dict(defaults))
        merged = OmegaConf.merge(config_node(list(stored)), stored)
        return to_config(OmegaConf.to_container(merged, throw_on_missing=True))  # type: ignore[arg-type]
    except Exception as error:
        first = str(error).splitlines()[0]
        raise UserError(
            f"{path} does not fit this version of tsforecast ({first}); start a new run."
        ) from error


def _read(path: Path) -> DictConfig:
    """What a file holds of the keys that its job reads; up to version 0.1.0 a config held those of all jobs."""
    text = _with_moved_targets(path.read_text(encoding="utf-8"))
    if ALIAS.search(text):  # never written, and a few of them can unfold to anything
        raise ValueError("it has YAML aliases")
    stored: DictConfig = OmegaConf.create(text)  # type: ignore[assignment]
    _check_targets(OmegaConf.to_container(stored, resolve=False))
    known = {item.name for cls in (Config, Command) for item in fields(cls)}
    for name in known & set(stored) - set(job_fields(stored.job.name)):
        del stored[name]
    for name, values in EARLIER.items():
        if name not in stored:
            stored[name] = values
    for name, values in EARLIER_KEYS.items():
        if name in stored:
            _fill(stored[name], values)
    return stored


def _check_targets(node: object) -> None:
    """Refuse to call what no YAML file of the config names: a config may come from somebody else."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if key == "_target_" and value not in targets():
            raise ValueError(
                f"it names {value}, which is in no YAML file: add one with this _target_ to your own folder,"
                " and name that with --config-dir"
            )
        _check_targets(value)


def _fill(stored: Any, defaults: dict[str, Any]) -> None:
    """Give keys that the stored config lacks the values that they have in ``defaults``."""
    for name, value in defaults.items():
        if name not in stored:
            stored[name] = value
        elif isinstance(value, dict) and "_target_" not in value:
            _fill(stored[name], value)


def _with_moved_targets(text: str) -> str:
    for old, new in MOVED_TARGETS.items():
        text = text.replace(f"_target_: {old}", f"_target_: {new}")
    return text
