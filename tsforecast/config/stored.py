"""Writes and reads the config of a run."""

from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from tsforecast.config.nodes import structured, to_options
from tsforecast.config.schema import Config
from tsforecast.errors import UserError
from tsforecast.files import write_text

# Where a target moved to since a config was written; its last part is unchanged.
MOVED_TARGETS = {
    "tsforecast.data.table.": "tsforecast.data.sources.csv.",
    "tsforecast.data.ett.": "tsforecast.data.sources.ett.",
    "tsforecast.data.synthetic.": "tsforecast.data.sources.synthetic.",
    "tsforecast.data.household_power.": "tsforecast.data.sources.household_power.",
    "tsforecast.models.ensemble.": "tsforecast.ensemble.",
}


def save(config: Config, path: Path) -> str:
    """Writes the whole resolved config as YAML and returns the text."""
    text = as_yaml(config)
    write_text(path, text)
    return text


def as_yaml(config: Config) -> str:
    """The whole resolved config as YAML."""
    return OmegaConf.to_yaml(_node(config))


def as_dict(config: Config) -> dict[str, Any]:
    """The whole resolved config as plain containers."""
    return OmegaConf.to_container(_node(config))  # type: ignore[return-value]


def _node(config: Config) -> DictConfig:
    return OmegaConf.merge(structured(Config), asdict(config))  # type: ignore[return-value]


def _fill(stored: Any, defaults: Any) -> None:
    """Gives keys that the stored config lacks the value that they have in ``defaults``."""
    for name, value in vars(defaults).items():
        if name not in stored:
            stored[name] = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
        elif is_dataclass(value):
            _fill(stored[name], value)


def _with_moved_targets(text: str) -> str:
    for old, new in MOVED_TARGETS.items():
        text = text.replace(f"_target_: {old}", f"_target_: {new}")
    return text


def load(path: Path, defaults: Config | None = None) -> Config:
    """Reads a config that ``as_yaml`` wrote, typed again.

    Args:
        path: of the file.
        defaults: where keys come from that the version which wrote the file did not have.

    Raises:
        UserError: there is no such file, or it does not fit this version's schema.
    """
    if not path.is_file():
        raise UserError(
            f"{path.parent} is not the folder of a run: it has no {path.name}; give a folder that `python run.py` made."
        )
    try:
        stored = OmegaConf.create(_with_moved_targets(path.read_text(encoding="utf-8")))
        if defaults is not None:
            _fill(stored, defaults)
        return to_options(Config, OmegaConf.merge(structured(Config), stored))  # type: ignore[arg-type]
    except Exception as error:
        first = str(error).splitlines()[0]
        raise UserError(
            f"{path} does not fit this version of tsforecast ({first}); start the run anew."
        ) from error
