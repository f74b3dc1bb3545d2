"""The command line around Hydra: help, mistakes in one sentence, exit codes.

0 is done, 1 broken, 2 wrong input, 130 interrupted.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tsforecast.config import sweepers
from tsforecast.config.schema import Config
from tsforecast.errors import UserError, nearest

CONF = Path(__file__).parents[2] / "conf"

ConfigStore.instance().store(name="schema", node=Config)


def _run_folder(resume: str | None, run: str | None, target: str) -> str:
    """The folder of a run: the one to go on with, or a new one named by time and model."""
    if resume or run:
        return str(resume or run)
    return f"outputs/{datetime.now():%Y-%m-%d_%H-%M-%S}_{target.split('.')[-2]}"


# Cached: the name holds the time, and must not change while one job reads it twice.
OmegaConf.register_new_resolver("run_folder", _run_folder, use_cache=True, replace=True)


def _sweep_folder(resume: str | None, name: str | None) -> str:
    """The folder of a sweep: the one to go on with, or one of that name, or a new one named by time."""
    return str(resume or f"outputs/multirun/{name or format(datetime.now(), '%Y-%m-%d_%H-%M-%S')}")


OmegaConf.register_new_resolver("sweep_folder", _sweep_folder, use_cache=True, replace=True)


def command_line(run: Callable[[], Any]) -> int:
    """Calls the Hydra main function, turns every mistake into one sentence on standard error, returns the exit code."""
    if not sys.argv[1:] or not {"--help", "-h"} & set(sys.argv[1:]):
        # Else Hydra prints its own version of the error and exits before we can name the nearest right word.
        os.environ["HYDRA_FULL_ERROR"] = "1"
        return _guarded(run)
    print(help_text())
    return 0


def _guarded(run: Callable[[], Any]) -> int:
    try:
        sweepers.register()
        sys.argv[1:] = sweepers.whole_command(sys.argv[1:])
        run()
        return 0
    except KeyboardInterrupt:
        return 130
    except UserError as error:
        message = str(error)
    except (HydraException, OmegaConfBaseException) as error:
        message = explain(error)
    except OSError as error:
        message = f"{error.filename or 'A file'} cannot be used: {error.strerror or error}."
    sys.stderr.write(message + os.linesep)
    return 2


@contextmanager
def one_sentence() -> Iterator[None]:
    """Says a job's mistake here, where Hydra cannot add lines of its own, and takes back its empty folder."""
    hydra = HydraConfig.get()
    try:
        yield
    except (UserError, OmegaConfBaseException) as error:
        folder = Path(hydra.runtime.output_dir)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        if hydra.mode == RunMode.MULTIRUN:
            raise
        sys.stderr.write((str(error) if isinstance(error, UserError) else explain(error)) + os.linesep)
        raise SystemExit(2) from None


def help_text() -> str:
    """What ``--help`` prints: the groups with a line for each choice, from the first comment of its YAML."""
    lines = [
        "python run.py [group=choice ...] [key=value ...]      one run",
        "python run.py -m key=value1,value2 ...               a sweep",
    ]
    lines += ["python run.py --cfg job [...]                        print the config and stop", ""]
    for group in sorted({path.parent for path in CONF.rglob("*/*.yaml")}):
        lines.append(f"{group.relative_to(CONF)}=")
        lines += [f"  {path.stem:<18}{first_comment(path)}" for path in sorted(group.glob("*.yaml"))]
    return "\n".join(lines)


def first_comment(path: Path) -> str:
    """The first comment of a YAML that is not Hydra's own."""
    comments = (line[2:].strip() for line in path.read_text().splitlines() if line.startswith("# "))
    return next((line for line in comments if not line.startswith("@package")), "")


def explain(error: Exception) -> str:
    """One sentence for what Hydra or OmegaConf refused, with the nearest right word."""
    text = " ".join(str(error).split())
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = (error.missing_cfg_file or "").partition("/")
        return (
            f"{group}={choice}: there is no such {group}.{nearest(choice, error.options)} "
            f"Choices: {', '.join(error.options)}."
        )
    if isinstance(error, OverrideParseException):
        return (
            f"The override '{error.override}' cannot be read: write key=value, "
            "with quotes around a value that has spaces or commas."
        )
    unknown = re.search(r"Could not (?:override|delete from config)[^']*'([^']+)'", text)
    if isinstance(error, ConfigCompositionException) and unknown:
        return unknown_key(unknown.group(1).split("=")[0])
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    key = getattr(cause, "full_key", None)
    first = str(getattr(cause, "msg", None) or cause).splitlines()[0].strip()
    return f"{key}: {first.rstrip('.')}." if key and key not in first else f"{first.rstrip('.')}."


def unknown_key(key: str) -> str:
    """The sentence for a key that the config does not have."""
    group_choices = [path.name for path in CONF.iterdir() if path.is_dir()]
    near = nearest(key, [*_all_keys(), *group_choices])
    return f"There is no key '{key}'.{near} `python run.py --cfg job` prints them all."


def _all_keys() -> list[str]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config")

    def walk(node: Any, prefix: str) -> Iterator[str]:
        for key, value in node.items_ex(resolve=False) if OmegaConf.is_dict(node) else ():
            yield f"{prefix}{key}"
            yield from walk(value, f"{prefix}{key}.")

    return list(walk(cfg, ""))
