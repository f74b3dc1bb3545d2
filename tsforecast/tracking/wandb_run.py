"""Opening a W&B run: online, or offline where that is asked for or nothing else is possible."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tsforecast.errors import UserError, nearest
from tsforecast.tracking.run_folder import RunFolder, git_root
from tsforecast.tracking.wandb_account import has_key, is_reachable
from tsforecast.tracking.wandb_service import read_settings, with_service

if TYPE_CHECKING:
    import wandb

MODES = ("auto", "online", "offline", "disabled")
ONLINE_SECONDS = 10  # how long a run waits for the server before it continues offline
FINISH_SECONDS = (
    60  # for the last uploads; what is not uploaded by then stays in the folder, for 'wandb sync'
)
ID_FILE = "wandb_id"


def resolve_mode(mode: str) -> str:
    """Return the mode, that of the environment for ``auto``.

    Raises:
        UserError: The mode is unknown.
    """
    if mode not in MODES:
        choices = ", ".join(MODES)
        raise UserError(f"tracker.mode is '{mode}', but must be one of {choices}.{nearest(str(mode), MODES)}")
    if mode != "auto":
        return mode
    environment_mode = os.environ.get("WANDB_MODE", "").lower()
    # WANDB_MODE=online is what W&B does anyway; without a key it must not end in a prompt.
    return environment_mode if environment_mode in ("offline", "disabled") else "auto"


def open_run(mode: str, folder: RunFolder, **arguments: Any) -> "wandb.Run | None":
    """Return an open run, or None, after a line that says why, if W&B cannot start.

    Args:
        mode: ``auto``, ``online`` or ``offline``.
        folder: Folder of the run.
        arguments: Further arguments of ``wandb.init``.

    Raises:
        UserError: The mode is ``online``, and the key is missing.
    """
    try:
        account = read_settings()  # imports W&B, which takes seconds, so only once it is sure to be used
        key = has_key(account)
    except Exception as error:
        print(f"W&B cannot start ({_first_line(error)}); the run continues without it.", flush=True)
        return None
    if mode == "online" and not key:
        raise UserError(
            "tracker.mode is 'online', but no W&B key was found: run 'wandb login' or set tracker.mode=auto."
        )
    if mode == "offline" or (mode == "auto" and account.mode == "offline"):
        return _open_offline("as requested", folder, arguments)
    if not key:
        return _open_offline("no key found", folder, arguments)
    if not is_reachable(account.base_url):
        return _open_offline(f"{account.base_url} cannot be reached", folder, arguments)
    try:
        run = _init("online", folder, arguments)
    except Exception as error:
        return _open_offline(_first_line(error), folder, arguments)
    print(f"W&B is online: {run.url}", flush=True)
    return run


def _open_offline(why: str, folder: RunFolder, arguments: Mapping[str, Any]) -> "wandb.Run | None":
    try:
        run = _init("offline", folder, arguments)
    except Exception as error:
        print(f"W&B cannot start ({_first_line(error)}); the run continues without it.", flush=True)
        return None
    path = _relative(Path(run.settings.sync_dir))
    print(
        f"W&B is offline ({why}): look at it with 'wandb leet {path}', upload it with 'wandb sync {path}'.",
        flush=True,
    )
    return run


def _init(mode: Literal["online", "offline"], folder: RunFolder, arguments: Mapping[str, Any]) -> "wandb.Run":
    import wandb

    options: dict[str, Any] = {
        "console": "off",
        "silent": True,
        "init_timeout": ONLINE_SECONDS,
        "finish_timeout": FINISH_SECONDS,
        "x_transaction_log_flush_interval": 1.0,  # seconds of records that a kill may lose; 15 by default
        "git_root": str(git_root() or Path.cwd()),
    }
    known = wandb.Settings.model_fields  # an older W&B lacks the newer ones
    settings = wandb.Settings(**{key: value for key, value in options.items() if key in known})
    folder.path.mkdir(parents=True, exist_ok=True)
    file = folder.path / ID_FILE
    given = file.read_text(encoding="utf-8").strip() if file.exists() else secrets.token_hex(4)
    run = with_service(
        lambda: wandb.init(
            mode=mode, dir=str(folder.path), id=given, resume="allow", settings=settings, **arguments
        )
    )
    if not file.exists():
        folder.write_text_atomic(file.name, run.id)  # that of the agent in a W&B sweep
    _restore_groups(run, arguments.get("config") or {})
    return run


def _restore_groups(run: "wandb.Run", config: Mapping[str, Any]) -> None:
    """Record the options of a group under its name if a W&B sweep over the group has replaced them by its choice."""
    lost = {
        f"{group}.{key}": value
        for group, options in config.items()
        if isinstance(options, Mapping) and group in run.config and not isinstance(run.config[group], Mapping)
        for key, value in options.items()
    }
    run.config.update({key: value for key, value in lost.items() if key not in run.config})


@contextmanager
def keep_data_in(folder: Path) -> Iterator[None]:
    """Keep W&B's copies of artifacts in the run's folder; by default they are in the home folder."""
    if "WANDB_DATA_DIR" in os.environ:
        yield
        return
    os.environ["WANDB_DATA_DIR"] = str(folder.resolve() / "wandb")
    try:
        yield
    finally:
        os.environ.pop("WANDB_DATA_DIR", None)


def _relative(path: Path) -> str:
    path = path.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
