"""job=retrain: train the champion further with new rows, and promote the result if it passes the promotion gate."""

import functools
from pathlib import Path

from tsforecast.config import Config
from tsforecast.files import display_path, remove_if_empty
from tsforecast.jobs.champion import create_recipe
from tsforecast.registry import Registry
from tsforecast.registry.retraining import Outcome, retrain_champion
from tsforecast.registry.tracking import report_retraining


def main(config: Config, path: Path) -> None:
    """Retrain once, and print notes on the data, the outcome, its reason and, last, the folder of the work."""
    remove_if_empty(path)  # the work is in the registry
    outcome = retrain(config)
    print(f"{outcome['outcome']}: {outcome['why']}")
    print(display_path(outcome["folder"]), flush=True)


def retrain(config: Config) -> Outcome:
    """Retrain once, report the outcome to the tracker, and return it."""
    registry = Registry(config.registry.path)
    outcome = retrain_champion(
        registry,
        functools.partial(create_recipe, config),
        config.retrain,
        report=lambda note: print(f"  {note}", flush=True),
        promotion=config.promotion,
    )
    report_retraining(outcome, registry.champion())
    return outcome
