"""Configs that come from the folder of an earlier run."""

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from tsforecast.config.instantiate import stem
from tsforecast.config.schema import Config, job_options
from tsforecast.config.stored import as_dict, load
from tsforecast.errors import UserError
from tsforecast.registry import Version
from tsforecast.registry.model_source import resolve_model

# Jobs that look at a run as it was trained -> groups that they nevertheless read from their own command.
OF_A_RUN = {"evaluate": (), "promote": (), "export": ("device",)}
# Groups that these jobs do not read, so that a command may set them: it makes no difference.
# Groups of the run's config that a command may replace.
REPLACED = {"evaluate": ("device",), "promote": ("device",)}
UNREAD = {"evaluate": ("tracker",), "promote": ("tracker", "report"), "export": ("tracker", "report")}


def config_of_folder(config: Config, overrides: Sequence[str]) -> Config:
    """Return the config in the folder of the run to resume, evaluate, promote or export; else the config itself.

    Args:
        config: The config of this command.
        overrides: What the command line sets.

    Raises:
        UserError: The command sets something that the folder decides, or the folder is not that of a run.
    """
    job = config.job.name
    if config.resume is not None:
        _refuse_others(overrides, "resume", ("tracker",))
        stored = load(Path(config.resume) / "config.yaml", config)
        tracked = any(_key(override).split(".")[0] == "tracker" for override in overrides)
        return dataclasses.replace(
            stored, resume=config.resume, tracker=config.tracker if tracked else stored.tracker
        )
    if job == "evaluate" and config.run is None:
        raise UserError("job=evaluate needs the folder of a finished run: add run=FOLDER.")
    if job not in OF_A_RUN or config.run is None:
        return config
    groups = {_key(override).split(".")[0] for override in overrides}
    replaced = [group for group in REPLACED.get(job, ()) if group in groups]
    names = (*job_options(job), *OF_A_RUN[job], *replaced)
    _refuse_others(overrides, "run", (*names, *UNREAD[job]))
    changes: dict[str, Any] = {name: getattr(config, name) for name in (*names, "tracker")}
    return dataclasses.replace(load(Path(config.run) / "config.yaml", config), job=config.job, **changes)


def adopt_model(source: str, config: Config, set_here: Collection[str]) -> Config:
    """Return the config with the model of another run, except for what this command sets.

    Args:
        source: Folder of the run.
        config: The config of this command.
        set_here: Keys that the command sets.

    Raises:
        UserError: The run has another model or lookback, or is not a run.
    """
    stored = load(Path(source) / "config.yaml")
    theirs, ours = stem(stored.model), stem(config.model)
    if theirs != ours:
        raise UserError(
            f"init_from={source} holds a {theirs}, and this run's model is {ours}: add model={theirs}."
        )
    if stored.window.lookback != config.window.lookback:
        raise UserError(
            f"init_from={source} was trained with window.lookback={stored.window.lookback}, "
            f"and this run has {config.window.lookback}: give it the same."
        )
    taken = {key: value for key, value in stored.model.items() if f"model.{key}" not in set_here}
    return dataclasses.replace(config, model=config.model | taken)


def adopt_task(config: Config, set_here: Collection[str]) -> Config:
    """Return the config with the data and the window of the teacher, except for groups that this command sets.

    Args:
        config: Config of a student, with ``run=FOLDER`` or the registry of its teacher.
        set_here: Keys that the command sets.

    Raises:
        UserError: There is no such run, version or champion.
    """
    teacher = load(resolve_model(config.registry, config.run).config, config)
    groups = {key.split(".")[0] for key in set_here}
    taken: dict[str, Any] = (
        {} if groups & {"data", "scale"} else {"data": teacher.data, "scale": teacher.scale}
    )
    if "window" not in groups:
        taken["window"] = teacher.window
    return dataclasses.replace(config, **taken)


def champion_config(config: Config, champion: Version) -> Config:
    """Return the champion's own config, with the data as they are now and this command's registry and device.

    Args:
        config: Config of this command.
        champion: The champion.

    Raises:
        UserError: ``retrain.data`` names a file or a query, but the champion's data have none.
    """
    stored, options = load(champion.config, config), config.retrain
    data = dict(stored.data)
    if options.rows is not None or "rows" in data:  # some sources always read all rows
        data["rows"] = options.rows
    if options.data is not None:
        key = next((name for name in ("path", "query") if name in data), None)
        if key is None:
            raise UserError(
                f"retrain.data={options.data}: {champion.name} was trained on {stem(stored.data)}, "
                "which takes no file; leave it out, or set retrain.rows."
            )
        data[key] = options.data
    return dataclasses.replace(
        stored,
        data=data,
        retrain=options,
        registry=config.registry,
        intervals=config.intervals,
        device=config.device,
        resume=None,
        run=None,
    )


def check_same_task(config: Config, teacher: Config, name: str) -> None:
    """Refuse a teacher that forecasts something else.

    Args:
        config: Config of the student.
        teacher: Config of the teacher.
        name: Name of the teacher.

    Raises:
        UserError: Data, split or window differ.
    """
    student_options, teacher_options = as_dict(config), as_dict(teacher)
    for group in ("data", "window"):
        ours, theirs = student_options[group], teacher_options[group]
        differing = [key for key in ours if ours[key] != theirs.get(key)]
        if not differing:
            continue
        if "_target_" in differing:
            label, values = group, (stem(theirs), stem(ours))
        else:
            key = differing[0]
            label, values = f"{group}.{key}", (theirs.get(key), ours[key])
        raise UserError(
            f"{name} was trained with {label}={values[0]}, and the student's is {values[1]}: leave the options of"
            f" {group} out of the command to take those of the teacher."
        )


def _refuse_others(overrides: Sequence[str], key: str, allowed: Sequence[str]) -> None:
    """Refuses overrides of what the folder decides."""
    keys = {override: _key(override) for override in overrides}
    others = [o for o, name in keys.items() if name not in ("job", key) and name.split(".")[0] not in allowed]
    if others:
        raise UserError(
            f"{key}=FOLDER uses the config in that folder: leave out {' '.join(others)}, or start a new run."
        )


def _key(override: str) -> str:
    return override.split("=")[0].lstrip("+~")
