"""Builds the objects that config nodes describe."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from hydra import utils

from tsforecast.config.schema import Config
from tsforecast.config.stored import as_dict
from tsforecast.errors import UserError
from tsforecast.tracking.run_folder import RunFolder

NOT_OF_THE_SOURCE = ("split", "future_covariates", "mask", "sampling")


def stem(node: Mapping[str, Any]) -> str:
    """The short name of what a node builds: ``lstm`` for ``tsforecast.models.lstm.LSTM``."""
    return str(node["_target_"]).split(".")[-2]


def instantiate(node: Mapping[str, Any], **arguments: Any) -> Any:
    """Builds what ``node`` describes: ``_target_`` called with the node's other keys and ``arguments``.

    Lists and dicts arrive as plain Python (Keras cannot serialize OmegaConf's containers).

    Raises:
        UserError: the target refused its arguments; the message is the target's own.
    """
    # Partial first: Hydra would turn a dataclass among the arguments into a plain dict.
    target = utils.instantiate({**node, "_partial_": True}, _convert_="all")
    try:
        return target(**arguments)
    except UserError:
        raise
    except (ValueError, TypeError) as error:
        raise UserError(f"{stem(node)}: {str(error).splitlines()[0].rstrip('.')}.") from error


def tracker_nodes(node: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The trackers that the ``tracker`` node of a config describes, by name: itself, or several."""
    return {stem(node).removesuffix("_tracker"): node} if "_target_" in node else dict(node)


def with_group(node: Mapping[str, Any], group: str) -> dict[str, Any]:
    """A ``tracker`` node with this group for each tracker that has none."""
    if "_target_" not in node:
        return {name: with_group(tracker, group) for name, tracker in node.items()}
    return {**node, "group": group} if "group" in node and node["group"] is None else dict(node)


def tracker_starters(config: Config, folder: RunFolder) -> dict[str, Callable[[], Any]]:
    """What starts each tracker of a job, by name; their files go to ``folder``."""
    values, name = as_dict(config), folder.path.name
    name = f"{config.job.name} {folder.path.parent.name}" if name.startswith("tracking") else name
    return {
        label: partial(instantiate, node, config=values, folder=folder, name=name)
        for label, node in tracker_nodes(config.tracker).items()
    }


def build_source(data: Mapping[str, Any], **arguments: Any) -> Any:
    """The series of a ``data`` node, read by its source; what else the node says is for others.

    Raises:
        UserError: as the source.
    """
    node = {key: value for key, value in data.items() if key not in NOT_OF_THE_SOURCE}
    return instantiate(node, **arguments)
