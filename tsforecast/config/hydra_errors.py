"""What Hydra and OmegaConf refuse, in one sentence each, with the nearest right word."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_type_hints

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tsforecast import config_files
from tsforecast.config.schema import Config, is_group, jobs_with
from tsforecast.errors import UserError, nearest
from tsforecast.installation import COMMAND, CONF

KINDS = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}
# Options of Hydra's command line -> whether a value follows.
OPTIONS = {
    "--help": False,
    "--hydra-help": False,
    "--version": False,
    "--cfg": True,
    "--resolve": False,
    "--package": True,
    "--run": False,
    "--multirun": False,
    "--shell-completion": False,
    "--config-path": True,
    "--config-name": True,
    "--config-dir": True,
    "--experimental-rerun": True,
    "--info": False,
}


def check_options(arguments: Sequence[str]) -> None:
    """Refuses a mistyped ``--option``, which Hydra would answer with a page of usage.

    Raises:
        UserError: with the nearest right one.
    """
    for position, argument in enumerate(arguments):
        name, equals, _ = argument.partition("=")
        if not name.startswith("--"):
            continue
        if name not in OPTIONS:
            raise UserError(f"There is no option '{name}'.{nearest(name, OPTIONS)} See `{COMMAND} --help`.")
        if OPTIONS[name] and not equals and position + 1 == len(arguments):
            example = " job" if name == "--cfg" else "=VALUE"
            raise UserError(f"The option {name} needs a value: write {name}{example}.")


def explain(error: Exception) -> str:
    """One sentence for what Hydra or OmegaConf refused."""
    text = " ".join(str(error).split())
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = (error.missing_cfg_file or "").partition("/")
        return (
            f"{group}={choice}: there is no such {group}.{nearest(choice, error.options)} "
            f"Choices: {', '.join(error.options) or 'none yet'}."
        )
    if isinstance(error, OverrideParseException):
        return (
            f"The override '{error.override}' cannot be read: write key=value, "
            "with quotes around a value that has spaces or commas."
        )
    unknown = re.search(r"Could not (?:override|delete from config)[^']*'([^']+)'", text)
    if isinstance(error, ConfigCompositionException) and unknown:
        return unknown_key(unknown[1].split("=")[0], _job(str(error.__cause__), unknown[1]))
    return _explain_known_error(error, text) or _as_it_is(error)


def _explain_known_error(error: Exception, text: str) -> str:
    """The sentence for a message that a user can meet by a slip of one word, or an empty string."""
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    key = getattr(cause, "full_key", None)
    text = f"{text} {cause}"
    several = re.search(r"Ambiguous value for argument '(([^=]+)=([^']*))'", text)
    if several:
        a_list = f", or write {several[2]}=[{several[3]}] where a list is meant"
        of_group = config_files.is_group(several[2])
        return (
            f"{several[1]} names several values: add -m to run them one after the other"
            f"{'' if of_group else a_list}."
        )
    user_error = re.match(
        r"UserError raised while resolving interpolation: (.+)", str(getattr(cause, "msg", ""))
    )
    if user_error:
        return user_error[1]
    missing = re.search(r"Missing mandatory value: (\S+)", text)
    if missing:
        return missing_value(missing[1].rstrip("."))
    wrong = re.search(r"Value '(.*)' of type '\w+' could not be converted to (\w+)", text)
    if wrong and key:
        return f"{key}={wrong[1]} is not {KINDS.get(wrong[2], wrong[2].lower())}."
    if key and "is not a ListConfig, list or tuple" in text:
        return f"{key} is not a list: write {key}=[VALUE]."
    if key and "is not Optional" in text:
        return f"{key}=null is not allowed: give it a value."
    if key and "does not support deletion" in text:
        return f"{key} cannot be taken out: give it a value, or null where it allows that."
    return ""


def missing_value(key: str) -> str:
    """Return the sentence for a key that must be set and is not."""
    if key == "over":
        return "over has no value: add over=FOLDER, of a sweep or of finished runs, as in over='outputs/2026-*_lstm'."
    if config_files.is_group(key):
        choices = config_files.choices(key)
        return f"{key} has no value: choose one of {', '.join(choices)}, as in {key}={choices[0]}."
    return f"{key} has no value: add {key}=VALUE to the command."


def _as_it_is(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    key = getattr(cause, "full_key", None)
    lines = str(getattr(cause, "msg", None) or cause).splitlines() or [type(cause).__name__]
    first = lines[0].split(", set env var")[0].strip().rstrip(".")
    return f"{key}: {first}." if key and key not in first else f"{first}."


# Nodes with entries of the user: Hydra accepts entries that a study does not have only with a leading ++.
OWN_ENTRIES = ("ensemble.options", "retrain.damage")


def unknown_key(key: str, job: str | None = None) -> str:
    """Return the sentence for a key that the config does not have.

    Args:
        key: The key as typed.
        job: Job of the config, if known.
    """
    jobs = jobs_with(key.split(".")[0])
    if key in OWN_ENTRIES and (job is None or job in jobs):
        return f"{key} has entries already, and this command brings others: write ++{key}=VALUE to add them."
    if jobs and job not in jobs:
        return _explain_other_job(key, jobs, job)
    groups, keys = config_files.groups(), _all_keys()
    if key in keys:
        group = key.partition(".")[0]
        return (
            f"There is no key '{key}'. Other choices of {group} have it: leave it out, or choose one of them."
        )
    # A key by its last part alone: of several nodes that have it, the one that the config names first.
    same = [known for known in keys if known.endswith(f".{key}")]
    near = nearest(key, same[:1] or [*keys, *groups]) or (f" Did you mean '{same[0]}'?" if same else "")
    return f"There is no key '{key}'.{near} `{COMMAND} --cfg job` prints them all."


def _job(cause: str, key: str) -> str | None:
    """The job of a config without this key, read from what OmegaConf says, or one that has the key's node."""
    node = re.search(r"not in '(\w+)'", cause)
    if node is None:
        return None
    if node[1].endswith("_config"):
        return node[1].removesuffix("_config")
    return next(iter(jobs_with(key.split(".")[0])), None)


def _explain_other_job(key: str, jobs: Sequence[str], job: str | None) -> str:
    """Return the sentence for an option that the job of the command does not have."""
    listed = f"{', '.join(jobs[:-1])} or {jobs[-1]}" if len(jobs) > 1 else jobs[0]
    this = f", and this is job={job}" if job else ""
    resume = ", or resume an interrupted run by resume=FOLDER" if key == "run" else ""
    return f"{key} is for job={listed}{this}: remove it, or choose that job{resume}."


def _all_keys() -> list[str]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config")

    def walk(node: Any, prefix: str) -> Iterator[str]:
        for key, value in node.items_ex(resolve=False) if OmegaConf.is_dict(node) else ():
            yield f"{prefix}{key}"
            yield from walk(value, f"{prefix}{key}.")

    return [*walk(cfg, ""), *_job_keys()]


def _job_keys() -> Iterator[str]:
    """The keys that come with some jobs only."""
    hints = get_type_hints(Config)
    for item in dataclasses.fields(Config):
        if jobs_with(item.name):
            yield item.name
            inner = dataclasses.fields(hints[item.name]) if is_group(item.name) else ()
            yield from (f"{item.name}.{option.name}" for option in inner)
