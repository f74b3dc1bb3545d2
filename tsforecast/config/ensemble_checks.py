"""The members of an ensemble, checked as far as names and folders go."""

import dataclasses
from pathlib import Path
from typing import Any

from tsforecast.config.hydra_errors import CONF
from tsforecast.config.schema import Config, jobs_with
from tsforecast.errors import UserError, nearest

MODEL = "tsforecast.ensemble.Ensemble"
OF_MEMBERS = jobs_with("ensemble")


def check_ensemble(config: Config, given: list[str]) -> Config:
    """Return the config with ``model=ensemble`` for ``job=ensemble`` and the reverse, after a check of the members.

    Args:
        config: Config of the command.
        given: Overrides on the command line.

    Raises:
        UserError: a member is no model and no run's folder, stands there twice, or another model is asked for.
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


def is_folder(member: str) -> bool:
    """Whether a member is named by the folder of its run."""
    return "/" in member or Path(member).is_dir()


def _check_members(config: Config) -> None:
    options = config.ensemble
    models = sorted({path.stem for path in (CONF / "model").glob("*.yaml")} - {"ensemble"})
    if len(options.members) < 2:
        raise UserError(
            f"ensemble.members={options.members} is too few: name at least two, as in ensemble.members=[lstm,gru]."
        )
    for key, names in (("members", options.members), ("references", options.references)):
        for name in names:
            if is_folder(name):
                if not (Path(name) / "config.yaml").is_file():
                    raise UserError(f"ensemble.{key} names {name}, which is not the folder of a run.")
            elif name not in models:
                raise UserError(
                    f"ensemble.{key} names {name}, which is no model.{nearest(name, models)} See conf/model."
                )
    everyone = [Path(name).name for name in [*options.members, *options.references]]
    twice = sorted({name for name in everyone if everyone.count(name) > 1})
    if twice:
        raise UserError(f"{twice[0]} stands twice in ensemble.members and ensemble.references: name it once.")
    if options.options is not None and not isinstance(options.options, dict):
        raise UserError(
            f"ensemble.options={options.options} must name members and arguments, as in {{lstm: {{units: [64]}}}}."
        )
    strangers = sorted(set(options.options or {}) - set(everyone))
    if strangers:
        raise UserError(
            f"ensemble.options sets {strangers[0]}, which is no member.{nearest(strangers[0], everyone)}"
        )
    if not options.half_lives or not all(value > 0 for value in options.half_lives):
        raise UserError(
            f"ensemble.half_lives={options.half_lives} must be numbers of windows above 0, as in [30,1440]."
        )


def member_options(config: Config, name: str) -> dict[str, Any]:
    """The arguments of a member that differ from its YAML."""
    return (config.ensemble.options or {}).get(name, {})
