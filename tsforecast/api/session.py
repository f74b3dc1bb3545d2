"""Runs jobs for the functions of the Python interface."""

import contextlib
import io
import sys
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

from tsforecast import config_files
from tsforecast.api.overrides import has_key, override
from tsforecast.config import Config
from tsforecast.config.in_process import compose_command, mistakes_as_user_errors, one_job, run_command
from tsforecast.errors import UserError

__all__ = ["mistakes_as_user_errors", "prepare_command", "promote", "quiet", "run_job"]


def run_job(
    overrides: Sequence[str],
    *,
    folder: str | PathLike[str] | None = None,
    config_dir: str | PathLike[str] | None = None,
    verbose: bool = True,
) -> tuple[Config, Path]:
    """Run one job; return its config and its folder.

    Nothing is tracked unless the overrides name a tracker, and the dtype policy of Keras is put back.

    Args:
        overrides: What would follow ``python run.py``; the first one names the job.
        folder: Folder of the run; None for a new one in ``outputs/``.
        config_dir: Folder with YAML files of the user.
        verbose: Whether to print what the command would.

    Raises:
        UserError: As the command would; or a further override names another job.
    """
    if has_key(overrides[1:], "job"):
        raise UserError(
            f"overrides contain a job, and this is {overrides[0]}: call the function of that job."
        )
    words = _complete(overrides, folder)
    with one_job, config_files.use_folder(_as_path(config_dir)), quiet(not verbose), _policy_put_back():
        return run_command(words)


def promote(run: str | PathLike[str], registry: str | PathLike[str]) -> None:
    """Register a run and make it the champion.

    Args:
        run: Folder of the run.
        registry: Folder of the registry.
    """
    run_job(["job=promote", override("run", run), override("registry.path", registry)], verbose=False)


def prepare_command(overrides: Sequence[str], config_dir: str | PathLike[str] | None = None) -> Config:
    """Return the checked config of a command."""
    with one_job, config_files.use_folder(_as_path(config_dir)):
        return compose_command(_complete(overrides, None))[0]


@contextlib.contextmanager
def quiet(hide: bool = True) -> Iterator[None]:
    """Hide what is printed in the block; one thread at a time, since all have the same standard output."""
    if not hide:
        yield
        return
    with one_job, contextlib.redirect_stdout(io.StringIO()):
        yield


def _complete(overrides: Sequence[str], folder: str | PathLike[str] | None) -> list[str]:
    words = list(overrides)
    if not has_key(words, "tracker", "resume", "experiment"):
        words.append("tracker=none")
    return words if folder is None else [*words, override("hydra.run.dir", folder)]


def _as_path(folder: str | PathLike[str] | None) -> Path | None:
    return None if folder is None else Path(folder)


@contextlib.contextmanager
def _policy_put_back() -> Iterator[None]:
    before = sys.modules["keras"].config.dtype_policy() if "keras" in sys.modules else None
    try:
        yield
    finally:
        keras = sys.modules.get("keras")
        if keras is not None:
            keras.config.set_dtype_policy("float32" if before is None else before)
