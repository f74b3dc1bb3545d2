"""Everything that can be wrong with a config, found before TensorFlow is imported."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from tsforecast import config_files
from tsforecast.config.device_checks import check_device
from tsforecast.config.earlier_runs import adopt_model, adopt_task, config_of_folder
from tsforecast.config.ensemble_checks import check_ensemble
from tsforecast.config.hydra_errors import missing_value, unknown_key
from tsforecast.config.instantiate import tracker_nodes
from tsforecast.config.nodes import command_type, to_config
from tsforecast.config.panel_checks import check_panel
from tsforecast.config.plan_checks import check_plan
from tsforecast.config.report_checks import check_report
from tsforecast.config.schema import Config, job_fields
from tsforecast.config.secret_checks import check_no_secrets
from tsforecast.config.service_checks import check_service
from tsforecast.config.trackers import chosen_trackers, split_trackers
from tsforecast.config.training_checks import check_objective, check_training
from tsforecast.config.unread import check_unread
from tsforecast.config.value_checks import (
    check_arguments,
    check_context,
    check_data,
    check_model_parts,
    check_options,
    check_quantiles,
    check_scaling,
)
from tsforecast.errors import UserError
from tsforecast.rules.parse import parse_rules

TARGETS = ("model", "optimizer", "schedule", "loss")


def check(
    cfg: DictConfig, overrides: Sequence[str] | None = None, typed: Sequence[str] | None = None
) -> Config:
    """Return the typed config of a command, after all checks.

    A run that is resumed, evaluated, promoted or exported takes its config from its folder, and one that starts from
    the weights of another run takes its model from there.

    Args:
        cfg: The config as Hydra composed it.
        overrides: The overrides that it was composed with; None for those of this command.
        typed: What the user typed, which in a sweep has several values of a key; None for this command's.

    Raises:
        UserError: The first thing that is wrong, in one sentence.
    """
    typed = _overrides() if typed is None else list(typed)
    names = {o.lstrip("+~").partition("=")[0] for o in (typed if overrides is None else overrides)}
    _check_missing(cfg)
    _check_choices(typed)
    trackers = chosen_trackers(typed if overrides is None else overrides)
    config = config_of_folder(_to_config(cfg, trackers), typed)
    check_unread(config, typed)
    check_no_secrets(config)
    check_service(config)
    if config.job.name == "distill" and config.resume is None:
        config = adopt_task(config, names)
    config = check_ensemble(config, typed)
    check_plan(config)
    check_report(config)
    if config.init_from is not None and config.resume is None:
        config = adopt_model(config.init_from, config, names)
    _check_values(config)
    config = _with_float_rate(config)
    check_training(config)
    config = check_objective(config, names)
    check_panel(config)
    check_device(config)
    return config


def _overrides() -> list[str]:
    """The overrides on the command line; none when the config was not composed by ``run.py``."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def _check_missing(cfg: DictConfig) -> None:
    missing = sorted(key for key in OmegaConf.missing_keys(cfg) if not key.startswith("hydra"))
    if missing:
        raise UserError(missing_value(missing[0]))


def _check_choices(overrides: Sequence[str]) -> None:
    """Hydra would merge a list of choices into one node that is neither."""
    for override in overrides:
        group, _, value = override.lstrip("+").partition("=")
        several = "." not in group and value.startswith("[") and config_files.is_group(group)
        if several and group != "tracker":
            raise UserError(f"{override} names several: choose one, or sweep with -m {group}={value[1:-1]}.")


def _to_config(cfg: DictConfig, trackers: Sequence[str] = ()) -> Config:
    """The config without the options that are the command's own."""
    values: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    if trackers:
        values["tracker"] = split_trackers(values["tracker"], trackers)
    job = str(values["job"]["name"])
    _check_known(values, command_type(job), job)
    return to_config({name: values[name] for name in job_fields(job)})


def _check_known(values: dict[str, Any], node: Any, job: str, prefix: str = "") -> None:
    """Refuses what ``+key=value`` added to a node whose keys are all known; a target may know more of them."""
    types = {field.name: field.type for field in dataclasses.fields(node)}
    for name, value in values.items():
        if name not in types:
            raise UserError(unknown_key(f"{prefix}{name}", job))
        if dataclasses.is_dataclass(types[name]):
            _check_known(value, types[name], job, f"{prefix}{name}.")


def _check_values(config: Config) -> None:
    check_options(config)
    check_scaling(config.scaling)
    check_context(config.context)
    check_data(config.data)
    for name in TARGETS:
        check_arguments(getattr(config, name), name)
    for node in tracker_nodes(config.tracker).values():
        check_arguments(dict(node), "tracker")
    check_model_parts(config.model)
    check_quantiles(config.loss)
    parse_rules(config.model.get("rules"), config.window.lookback)


def _with_float_rate(config: Config) -> Config:
    """Return the config with the learning rate as a float: Keras rejects an int."""
    rate = float(config.optimizer["learning_rate"])
    return dataclasses.replace(config, optimizer=config.optimizer | {"learning_rate": rate})
