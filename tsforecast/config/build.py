"""From config nodes to objects."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import get_method, instantiate
from omegaconf import OmegaConf

from tsforecast.config.schema import Config
from tsforecast.errors import UserError

NOT_OF_THE_SOURCE = ("split", "future_covariates")


def stem(node: Mapping[str, Any]) -> str:
    """The short name of what a node builds: ``lstm`` for ``tsforecast.models.lstm.LSTM``."""
    return str(node["_target_"]).split(".")[-2]


def build(node: Mapping[str, Any], **arguments: Any) -> Any:
    """Builds what ``node`` describes: ``_target_`` called with the node's other keys and ``arguments``.

    Lists and dicts arrive as plain Python (Keras cannot serialize OmegaConf's containers).

    Raises:
        UserError: the target refused its arguments; the message is the target's own.
    """
    # Partial first: Hydra would turn a dataclass among the arguments into a plain dict.
    target = instantiate({**node, "_partial_": True}, _convert_="all")
    try:
        return target(**arguments)
    except UserError:
        raise
    except (ValueError, TypeError) as error:
        raise UserError(f"{stem(node)}: {str(error).splitlines()[0].rstrip('.')}.") from error


def build_source(data: Mapping[str, Any]) -> Any:
    """The series of a ``data`` node, read by its source; what else the node says is for others.

    Raises:
        UserError: as the source.
    """
    return build({key: value for key, value in data.items() if key not in NOT_OF_THE_SOURCE})


def dispatch(config: Config) -> float | None:
    """Runs the job that the config names, in the folder that Hydra gave this run; returns the job's objective."""
    return get_method(config.job._target_)(config, Path(HydraConfig.get().runtime.output_dir))


def save(config: Config, path: Path) -> str:
    """Writes the whole resolved config as YAML and returns the text."""
    text = as_yaml(config)
    path.write_text(text)
    return text


def as_yaml(config: Config) -> str:
    """The whole resolved config as YAML."""
    return OmegaConf.to_yaml(OmegaConf.structured(config), resolve=True)


def as_dict(config: Config) -> dict[str, Any]:
    """The whole resolved config as plain containers."""
    return OmegaConf.to_container(OmegaConf.structured(config), resolve=True)  # type: ignore[return-value]


def _fill(stored: Any, defaults: Any) -> None:
    """Gives keys that the stored config lacks the value that they have in ``defaults``."""
    for name, value in vars(defaults).items():
        if name not in stored:
            stored[name] = OmegaConf.structured(value) if is_dataclass(value) else value
        elif is_dataclass(value):
            _fill(stored[name], value)


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
        stored = OmegaConf.load(path)
        if defaults is not None:
            _fill(stored, defaults)
        merged = OmegaConf.merge(OmegaConf.structured(Config), stored)
        return OmegaConf.to_object(merged)  # type: ignore[return-value]
    except Exception as error:
        first = str(error).splitlines()[0]
        raise UserError(
            f"{path} does not fit this version of tsforecast ({first}); start the run anew."
        ) from error
