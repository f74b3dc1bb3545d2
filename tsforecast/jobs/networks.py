"""The networks that ``job=plan``, ``verify``, ``benchmark`` and ``rehearsal`` look at, and the scales."""

import dataclasses
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from tsforecast import config_files
from tsforecast.config import Config, is_panel, stem
from tsforecast.config.ensemble_checks import member_options
from tsforecast.config.groups import choice
from tsforecast.data.dataset import ForecastDataset
from tsforecast.errors import UserError
from tsforecast.jobs import build_model
from tsforecast.planning.ensemble import ENSEMBLE

if TYPE_CHECKING:
    from tsforecast.models.forecaster import Forecaster


class Network(NamedTuple):
    """A model to look at, with the config that it was built from."""

    config: Config
    model: "Forecaster"


def model_configs(config: Config, models: Sequence[str] | None) -> dict[str, Config]:
    """Return the config once for each model.

    Args:
        config: The config of the job; its own model keeps its options.
        models: Names in ``conf/model``; None for all of them.
    """
    current = stem(config.model)
    selected = sorted({*config_files.choices("model"), current}) if models is None else models
    nodes = {
        name: config.model if name == current else choice("model", name)
        for name in selected
        if name != ENSEMBLE
    }
    return {name: dataclasses.replace(config, model=node) for name, node in nodes.items()}


def build_networks(config: Config, dataset: ForecastDataset) -> dict[str, Network]:
    """Build each network of ``plan.models``, and the ensemble last if it is named or all its members are there."""
    networks = {}
    for name, member in model_configs(config, config.plan.models).items():
        model = _build_network(member, dataset)
        if model is not None:
            networks[name] = Network(member, model)
    named = config.plan.models or [stem(config.model)]
    if ENSEMBLE in named or set(config.ensemble.members) <= set(networks):
        networks[ENSEMBLE] = _build_ensemble(config, dataset, networks)
    return networks


def _build_network(config: Config, dataset: ForecastDataset) -> "Forecaster | None":
    """Return the model of a config, or None if it is not trained in batches."""
    try:
        model = build_model.forecaster(config, dataset)
    except UserError:
        if config.plan.models is not None:
            raise
        return None  # some models do not fit the window, for example a seasonal baseline without a season
    return model if model.trains_in_batches else None


def _build_ensemble(config: Config, dataset: ForecastDataset, networks: dict[str, Network]) -> Network:
    """Build the ensemble, from members that are already built if they are the ones that it would train."""
    whole = dataclasses.replace(config, model=choice("model", ENSEMBLE))
    members = config.ensemble.members
    reusable = all(
        name in networks
        and networks[name].config.model == choice("model", name) | member_options(config, name)
        for name in members
    )
    if not reusable:
        return Network(whole, build_model.forecaster(whole, dataset))
    models = [networks[name].model for name in members]
    return Network(whole, build_model.ensemble(whole, dataset, models, members, config.ensemble.weighting))


def scale_rows(config: Config) -> dict[str, int]:
    """Return the rows of each scale if known; nothing if the scale does not set the number of rows of these data."""
    if is_panel(config.data) or config.data.get("rows") != config.scale.rows:  # of many series: rows of each
        return {}
    rows = {name: choice("scale", name)["rows"] for name in config_files.choices("scale")}
    source = importlib.import_module(config.data["_target_"].rpartition(".")[0])
    known = {name: count or getattr(source, "ALL_ROWS", None) for name, count in rows.items()}
    return {name: count for name, count in known.items() if count is not None}
