"""Checks of an ensemble's options: its members, references and arguments."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tsforecast import config_files
from tsforecast.config.groups import choice
from tsforecast.config.schema import Config, jobs_with
from tsforecast.config.value_checks import check_arguments, check_model_parts
from tsforecast.ensemble.members import is_run_folder
from tsforecast.errors import UserError, nearest

MODEL = "tsforecast.ensemble.Ensemble"
OF_MEMBERS = jobs_with("ensemble")


def check_ensemble(config: Config, given: list[str]) -> Config:
    """Return the config with ``model=ensemble`` for ``job=ensemble`` and the reverse, after a check of the members.

    Args:
        config: Config of the command.
        given: Overrides on the command line.

    Raises:
        UserError: A member is neither a model nor the folder of a run, a name is given twice, or the command names
            another model.
    """
    if config.job.name == "ensemble":
        other = [
            override for override in given if override.startswith("model=") and override != "model=ensemble"
        ]
        if other:
            raise UserError(
                f"job=ensemble trains ensemble.members: leave out {other[0]}, or name it as in "
                f"ensemble.members=[{other[0].partition('=')[2]},gru]."
            )
        config = dataclasses.replace(config, model={"_target_": MODEL})
    if config.model["_target_"] == MODEL and config.job.name in OF_MEMBERS:
        _check_members(config)
    elif config.model["_target_"] == MODEL and config.run is None:
        raise UserError(
            f"model=ensemble is for job={', '.join(OF_MEMBERS)}, and this is job={config.job.name}: "
            "leave out the one or the other."
        )
    return config


def member_options(config: Config, name: str) -> dict[str, Any]:
    """Return the arguments of a member that differ from its YAML."""
    return (config.ensemble.options or {}).get(name, {})


def _check_members(config: Config) -> None:
    options = config.ensemble
    if len(options.members) < 2:
        raise UserError(
            f"ensemble.members={options.members} is too short: name at least two, as in ensemble.members=[lstm,gru]."
        )
    _check_names("members", options.members)
    _check_names("references", options.references)
    names = [Path(name).name for name in [*options.members, *options.references]]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserError(
            f"ensemble.members and ensemble.references name {repeated[0]} more than once: name it once."
        )
    _check_options(options.options, names)
    if not options.half_lives or not all(value > 0 for value in options.half_lives):
        raise UserError(
            f"ensemble.half_lives={options.half_lives} must be numbers of windows above 0, as in [30,1440]."
        )


def _check_names(key: str, names: Sequence[str]) -> None:
    models = sorted(set(config_files.choices("model")) - {"ensemble"})
    for name in names:
        if is_run_folder(name):
            if not (Path(name) / "config.yaml").is_file():
                raise UserError(f"ensemble.{key} names {name}, which is not the folder of a run.")
        elif name not in models:
            raise UserError(
                f"ensemble.{key} names {name}, which is not a model.{nearest(name, models)} See conf/model."
            )


def _check_options(options: object, names: Sequence[str]) -> None:
    if options is None:
        return
    if not isinstance(options, dict):
        raise UserError(
            f"ensemble.options={options} must name members and arguments, as in {{lstm: {{units: [64]}}}}."
        )
    unknown = sorted(set(options) - set(names))
    if unknown:
        raise UserError(
            f"ensemble.options sets {unknown[0]}, which is neither a member nor a reference."
            f"{nearest(unknown[0], names)} '~ensemble.options.{unknown[0]}' leaves it out."
        )
    for name, arguments in options.items():
        if is_run_folder(name):
            continue
        node, root = choice("model", name), f"ensemble.options.{name}"
        if not isinstance(arguments, dict):
            raise UserError(f"{root}={arguments} must be arguments of {name}, as in {{dropout: 0.1}}.")
        wrong = sorted(set(arguments) - set(node))
        if wrong:
            raise UserError(f"{root} has no argument {wrong[0]}.{nearest(wrong[0], list(node))}")
        check_arguments(node | arguments, root)
        check_model_parts(arguments, root)
