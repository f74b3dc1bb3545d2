"""From a checked config and its data to the state of the process and the model to train."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tsforecast.config import Config
from tsforecast.data.dataset import ForecastDataset
from tsforecast.jobs import build, build_model
from tsforecast.jobs.measure import measure
from tsforecast.planning import precision
from tsforecast.runtime import RuntimeInfo

if TYPE_CHECKING:
    from tsforecast.models.forecaster import Forecaster


def set_up(config: Config, dataset: ForecastDataset) -> tuple[Config, RuntimeInfo, Forecaster]:
    """Set the global state of this job and build its model; return them with the config, its precision chosen."""
    facts = build.set_up_runtime(config)
    model = build_model.forecaster(config, dataset)
    config = precision.choose(config, facts, model, measure)
    if config.precision.policy in ("mixed", facts.policy):
        return config, facts, model
    changed = build.set_up_runtime(config)  # seeded again: the model is that of a run with this precision
    facts = dataclasses.replace(changed, import_seconds=facts.import_seconds)
    return config, facts, build_model.forecaster(config, dataset)
