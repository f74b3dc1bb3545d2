"""From a checked config and its data to an untrained model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tsforecast.config import Config, instantiate, stem
from tsforecast.config.ensemble_checks import member_options
from tsforecast.config.groups import choice
from tsforecast.data.bins import DESCRIBED
from tsforecast.data.dataset import ForecastDataset
from tsforecast.evaluation.seasonal_errors import describe_model
from tsforecast.rules.parse import parse_rules
from tsforecast.rules.resolve import DataFacts, resolve_rules
from tsforecast.stages import stage

if TYPE_CHECKING:
    from tsforecast.ensemble.members import Member
    from tsforecast.ensemble.model import Ensemble
    from tsforecast.models.forecaster import Forecaster


@stage("model")
def forecaster(config: Config, dataset: ForecastDataset) -> Any:
    """Return the model that the config describes, untrained; an ensemble has untrained members."""
    if stem(config.model) == "ensemble":
        names = config.ensemble.members
        nodes = [choice("model", name) | member_options(config, name) for name in names]
        members = [forecaster(dataclasses.replace(config, model=node), dataset) for node in nodes]
        return ensemble(config, dataset, members, names, config.ensemble.weighting)
    from tsforecast.models.task import Task

    task = Task.from_dataset(dataset, config.loss["quantile_levels"], instantiate(config.loss).distribution)
    model = instantiate(config.model, task=task, **data_arguments(config, dataset))
    model.describe(**describe_model(dataset, config.spike))
    return model


def ensemble(
    config: Config,
    dataset: ForecastDataset,
    members: Sequence[Forecaster],
    names: Sequence[str],
    weighting: str,
) -> Ensemble:
    """Return an ensemble of members, with weights that are not fitted yet."""
    from tsforecast.ensemble.model import Ensemble
    from tsforecast.models.task import Task

    facts, options = describe_model(dataset, config.spike), config.ensemble
    thresholds = [value for value in facts["spike"]["threshold_scaled"] if value is not None]
    model = Ensemble(
        Task.from_dataset(dataset, config.loss["quantile_levels"]),
        members,
        names,
        weighting=weighting,
        gate_units=options.gate_units,
        half_lives=options.half_lives,
        thresholds=thresholds
        if len(thresholds) == len(dataset.target_indices) and dataset.ranges is None
        else None,
    )
    model.describe(**facts, members=list(names))
    return model


def ensembles(config: Config, dataset: ForecastDataset, members: Sequence[Member]) -> dict[str, Ensemble]:
    """Return an ensemble of the same trained members for every weighting; the weights are not fitted yet."""
    from tsforecast.ensemble.members import load_networks
    from tsforecast.ensemble.weightings import order_weightings

    networks, names = load_networks(members), [member.name for member in members]
    built = {name: ensemble(config, dataset, networks, names, name) for name in order_weightings()}
    return {name: model for name, model in built.items() if dataset.ranges is None or not model.adaptive}


def data_arguments(config: Config, dataset: ForecastDataset) -> dict[str, Any]:
    """Return the arguments of a model that depend on the data: scaled rules, and parts with edges of bins."""
    given = {name: config.model.get(name) for name in DESCRIBED}
    return scaled_rules(config, dataset) | {
        name: DESCRIBED[name](options, dataset) for name, options in given.items() if options is not None
    }


def scaled_rules(config: Config, dataset: ForecastDataset) -> dict[str, Any]:
    """Return the argument ``rules`` of a model that has rules; refuse one that does not fit the data."""
    if "rules" not in config.model:
        return {}
    parsed = parse_rules(config.model["rules"], config.window.lookback)
    return {"rules": resolve_rules(parsed, DataFacts.from_dataset(dataset))}
