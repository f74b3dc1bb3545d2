"""The command line around Hydra: help, mistakes in one sentence, exit codes.

0 is done, 1 broken, 2 wrong input, 130 interrupted.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tsforecast import config_files
from tsforecast.config import sweepers
from tsforecast.config.hydra_errors import check_options, explain
from tsforecast.config.plugins import register_plugins
from tsforecast.config.schema_store import register_schemas
from tsforecast.errors import UserError
from tsforecast.installation import COMMAND, CONF

register_schemas(sorted(path.stem for path in (CONF / "job").glob("*.yaml")))

# What Hydra's own message contains -> what to say instead.
HYDRA_VALUE_ERRORS = {
    "Config group override must be": f"A group takes the name of a choice, as in model=lstm; `{COMMAND} --help`"
    " lists them.",
    "Only one of --run, --multirun, --cfg": "A sweep (-m) has no single config to print: leave out -m, or --cfg.",
}

# Folders that did not exist before this command named them, innermost first; None until it names one.
_new_folders: list[Path] | None = None


def _run_folder(resume: str | None, run: str | None, target: str, job: str) -> str:
    """Return the folder of a run: the one to resume or to work with, or a new one named after time and model or job."""
    global _new_folders
    if job == "distill":  # whose run= is the teacher; the student gets a folder of its own
        run = None
    name = f"outputs/{datetime.now():%Y-%m-%d_%H-%M-%S}_{target.split('.')[-2:][0]}"
    folder = Path(str(resume or run or name))
    _new_folders = [path for path in (folder, *folder.parents) if not path.exists()]
    return str(folder)


# Cached: the name contains the time, and must not change when a job reads it twice.
OmegaConf.register_new_resolver("run_folder", _run_folder, use_cache=True, replace=True)


def _sweep_folder(resume: str | None, name: str | None) -> str:
    """Return the folder of a sweep: the one to resume, one of that name, or a new one named after the time."""
    return str(resume or f"outputs/multirun/{name or format(datetime.now(), '%Y-%m-%d_%H-%M-%S')}")


OmegaConf.register_new_resolver("sweep_folder", _sweep_folder, use_cache=True, replace=True)


def command_line(run: Callable[[], Any]) -> int:
    """Call the Hydra main function, print one sentence for a wrong input, and return the exit code."""
    is_help = bool({"--help", "-h"} & set(sys.argv[1:]))
    # Else Hydra prints its own version of the error and exits before we can name the nearest right word.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        with config_files.use_folder(config_files.folder_of_command(sys.argv[1:])):
            if is_help:
                print(help_text())
                return 0
            return _run_and_report(run)
    except UserError as error:  # the folder
        sys.stderr.write(str(error) + os.linesep)
        return 2


def _run_and_report(run: Callable[[], Any]) -> int:
    try:
        check_options(sys.argv[1:])
        sweepers.register()
        register_plugins()
        sys.argv[1:] = sweepers.whole_command(sys.argv[1:])
        run()
        return 0
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted before anything was saved." + os.linesep)
        return 130
    except (UserError, HydraException, OmegaConfBaseException, OSError, ValueError) as error:
        message = explain_mistake(error)
        if not message:
            raise  # broken, not wrong input
    sys.stderr.write(message + os.linesep)
    return 2


def explain_mistake(error: Exception) -> str:
    """Return one sentence about a wrong input; an empty string for an error of another kind."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return explain(error)
    if isinstance(error, OSError):
        reason = (error.strerror or str(error)).lower()
        return f"{error.filename or 'A file'} cannot be used ({reason}): name another one, or repair it."
    return next((text for part, text in HYDRA_VALUE_ERRORS.items() if part in str(error)), "")


@contextmanager
def report_user_errors() -> Iterator[None]:
    """Print the error of a job here, before Hydra adds lines to it, and remove the empty folders of the command."""
    hydra = HydraConfig.get()
    try:
        yield
    except KeyboardInterrupt:
        if _remove_empty_folders():
            sys.stderr.write("Interrupted before anything was saved." + os.linesep)
        raise SystemExit(130) from None
    except (UserError, HydraException, OmegaConfBaseException) as error:
        _remove_empty_folders()
        if hydra.mode == RunMode.MULTIRUN:
            raise
        sys.stderr.write((str(error) if isinstance(error, UserError) else explain(error)) + os.linesep)
        raise SystemExit(2) from None


def _remove_empty_folders() -> bool:
    """Remove the folders of the command that nothing was written to; return whether its own was one of them."""
    output = Path(HydraConfig.get().runtime.output_dir)
    for folder in [output] if _new_folders is None else _new_folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return not output.exists()


def help_text() -> str:
    """Return the text of ``--help``: the groups, with one line per choice from the first comment of its YAML."""
    usage = {
        "[group=choice ...] [key=value ...]": "one run",
        "-m key=value1,value2 ...": "a sweep",
        "--cfg job [...]": "print the config and stop",
    }
    lines = [*(f"{COMMAND} {words:<38}{purpose}" for words, purpose in usage.items()), ""]
    files = {folder: sorted(folder.rglob("*/*.yaml")) for folder in config_files.folders()}
    groups = {str(path.parent.relative_to(folder)) for folder, paths in files.items() for path in paths}
    choices = {group: config_files.choices(group) for group in sorted(groups)}
    width = max(len(name) for names in choices.values() for name in names)
    for group, names in choices.items():
        lines.append(f"{group}=")
        lines += [f"  {name:<{width}}  {describe_choice(group, name)}" for name in names]
    return "\n".join(lines)


def describe_choice(group: str, name: str) -> str:
    """Return what ``--help`` says of a choice."""
    path = config_files.find(group, name)
    return f"(of {config_files.plugin_models()[name]})" if path is None else first_comment(path)


def first_comment(path: Path) -> str:
    """Return the first comment of a YAML that is not addressed to Hydra."""
    comments = (line[2:].strip() for line in path.read_text().splitlines() if line.startswith("# "))
    return next((line for line in comments if not line.startswith("@package")), "")
