"""The YAML files of the config: those of tsforecast, those of the user's own folder, and models of other packages.

A user's folder has the layout of ``conf/``: ``model/mine.yaml`` is ``model=mine``. It is named by ``--config-dir`` or
the environment variable ``TSFORECAST_CONFIG_DIR``, which the processes that a command starts inherit. Other packages
name models by entry points: ``mine = "package.module:Class"`` in the group ``tsforecast.models`` is ``model=mine``.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from tsforecast.errors import UserError
from tsforecast.installation import CONF

FOLDER_VARIABLE = "TSFORECAST_CONFIG_DIR"
MODEL_ENTRY_POINTS = "tsforecast.models"
TARGET = re.compile(r"^ *_target_: *([\w.]+)", re.MULTILINE)


def folders() -> list[Path]:
    """Return the folders with YAML files: that of tsforecast, and that of the user if there is one."""
    named = os.environ.get(FOLDER_VARIABLE)
    return [CONF, *([Path(named)] if named else [])]


def groups() -> list[str]:
    """Return the names of the config groups.

    Example:
        >>> {"model", "optimizer"} <= set(groups())
        True
    """
    return sorted({path.name for folder in folders() for path in folder.iterdir() if path.is_dir()})


def is_group(name: str) -> bool:
    """Return whether a key is a config group."""
    return bool(name) and any((folder / name).is_dir() for folder in folders())


def choices(group: str) -> list[str]:
    """Return the choices of a group in alphabetical order.

    Example:
        >>> "gru" in choices("model")
        True
    """
    names = {path.stem for folder in folders() for path in (folder / group).glob("*.yaml")}
    return sorted(names | set(plugin_models())) if group == "model" else sorted(names)


def find(group: str, name: str) -> Path | None:
    """Return the YAML file of a choice; None if there is none, as for a model of another package."""
    paths = (folder / group / f"{name}.yaml" for folder in folders())
    return next((path for path in paths if path.is_file()), None)


def plugin_models() -> dict[str, str]:
    """Return the models of other packages: the name of each, and the dotted path of its class."""
    return dict(_plugin_models())


def targets() -> set[str]:
    """Return what the YAML files name as ``_target_``, and the models of other packages.

    Example:
        >>> {"tsforecast.models.lstm.LSTM", "keras.optimizers.Adam"} <= targets()
        True
    """
    named = {target for folder in folders() for target in _targets(folder)}
    return named | set(plugin_models().values())


def model_modules() -> set[str]:
    """Return the modules that saved models may name.

    Example:
        >>> "tsforecast.models.lstm" in model_modules()
        True
    """
    return {target.rpartition(".")[0] for target in targets()}


@cache
def _targets(folder: Path) -> frozenset[str]:
    files = folder.glob("*/*.yaml")
    return frozenset(
        match[1] for path in files for match in TARGET.finditer(path.read_text(encoding="utf-8"))
    )


@cache
def _plugin_models() -> tuple[tuple[str, str], ...]:
    points = entry_points(group=MODEL_ENTRY_POINTS)
    return tuple((point.name, point.value.replace(":", ".")) for point in points)


def folder_of_command(arguments: Sequence[str]) -> str | None:
    """Return the user's own folder that a command line names, or None.

    Example:
        >>> folder_of_command(["model=mine", "--config-dir", "plant/conf"])
        'plant/conf'
    """
    named = None
    for position, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option in ("--config-dir", "-cd"):
            named = value if equals else next(iter(arguments[position + 1 :]), None)
    return named


@contextmanager
def use_folder(folder: str | Path | None) -> Iterator[None]:
    """Within, the YAML files of a user's own folder are choices too; None changes nothing.

    Raises:
        UserError: There is no such folder.
    """
    if folder is None:
        yield
        return
    path = Path(folder).expanduser().absolute()
    if not path.is_dir():
        raise UserError(f"--config-dir={folder} is not a folder: name one with the layout of conf/.")
    before = os.environ.get(FOLDER_VARIABLE)
    os.environ[FOLDER_VARIABLE] = str(path)
    try:
        yield
    finally:
        if before is None:
            del os.environ[FOLDER_VARIABLE]
        else:
            os.environ[FOLDER_VARIABLE] = before
