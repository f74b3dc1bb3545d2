"""Commands from within Python: composed and checked as on the command line, with exceptions instead of exit codes."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import open_dict
from omegaconf.errors import OmegaConfBaseException

from tsforecast.config.checks import check
from tsforecast.config.cli import explain_mistake
from tsforecast.config.dispatch import dispatch
from tsforecast.config.plugins import register_plugins
from tsforecast.config.schema import Config
from tsforecast.errors import UserError
from tsforecast.files import remove_if_empty
from tsforecast.installation import CONF

# Jobs set global state (seed, precision, Hydra, the standard output): one at a time, whatever threads the caller has.
one_job = threading.RLock()


def compose_command(overrides: Sequence[str]) -> tuple[Config, Path]:
    """Return the checked config of a command, and the folder of its run, which need not exist yet.

    Args:
        overrides: What would follow ``python run.py`` on a command line.

    Raises:
        UserError: As the command would.
    """
    with one_job, mistakes_as_user_errors(), _our_hydra():
        return _compose(overrides)


def run_command(overrides: Sequence[str]) -> tuple[Config, Path]:
    """Run one job in this process; return its config and the folder of its run.

    Args:
        overrides: What would follow ``python run.py`` on a command line.

    Raises:
        UserError: As the command would.
    """
    with one_job, mistakes_as_user_errors(), _our_hydra():
        config, folder = _compose(overrides)
        created = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        try:
            dispatch(config, folder)
        finally:
            for path in created:
                remove_if_empty(path)
        return config, folder


@contextmanager
def mistakes_as_user_errors() -> Iterator[None]:
    """Raise whatever the command line answers with one sentence as a `UserError` with this sentence."""
    try:
        yield
    except UserError:
        raise
    except (HydraException, OmegaConfBaseException, OSError, ValueError) as error:
        message = explain_mistake(error)
        if not message:
            raise
        raise UserError(message) from error


def _compose(overrides: Sequence[str]) -> tuple[Config, Path]:
    cfg = compose("config", overrides=list(overrides), return_hydra_config=True)
    folder = Path(str(cfg.hydra.run.dir))
    with open_dict(cfg):
        del cfg["hydra"]
    config = check(cfg, overrides, typed=overrides)
    names_its_folder = config.resume is not None or config.run is not None
    given = any(override.startswith("hydra.run.dir=") for override in overrides)
    return config, folder if names_its_folder or given else _free_folder(folder)


def _free_folder(folder: Path) -> Path:
    """Return a folder that does not exist: default names have the time in seconds, and two runs may share one."""
    number = 1
    free = folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}_{number}")
    return free


@contextmanager
def _our_hydra() -> Iterator[None]:
    """Hydra with our config within the block, even if the program around it is a Hydra application itself."""
    outer = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    register_plugins()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().clear()
        GlobalHydra.instance().hydra = outer
