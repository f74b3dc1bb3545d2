"""The Weights & Biases tracker, online or offline; none of its failures stops a training."""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from tsforecast.errors import UserError, nearest
from tsforecast.files import to_plain
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.protocol import Tracker
from tsforecast.tracking.run_folder import RunFolder, git_root
from tsforecast.tracking.wandb_account import has_key, is_reachable

_MODES = ("auto", "online", "offline", "disabled")
_ONLINE_SECONDS = 10  # how long a run waits for the server before it continues offline


class WandbTracker:
    """Send what a run reports to one W&B run; the first failure is printed, and the training continues.

    Args:
        run: Open ``wandb.Run``.

    Example:
        >>> from types import SimpleNamespace
        >>> tracker = WandbTracker(SimpleNamespace(log=lambda row, step, commit: print(step, row)))
        >>> tracker.log({"val/rmse": 0.5, "loss": None}, step=100)
        100 {'val/rmse': 0.5}
    """

    def __init__(self, run: Any):
        self._run = run
        self._has_warned = False

    def log(self, row: Mapping[str, object], step: int) -> None:
        """Log numbers under ``step``; values of None are left out."""
        known = {key: value for key, value in row.items() if value is not None}
        # Without commit, W&B keeps the row back until the next step, and a kill in between would lose it.
        self._try(lambda: self._run.log(known, step=step, commit=True))

    def summary(self, values: Mapping[str, object]) -> None:
        """Set the final figures; nested mappings become nested keys."""
        self._try(lambda: self._run.summary.update(to_plain(values)))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Log a table, for example the parameters by layer."""

        def send() -> None:
            import wandb

            self._run.log({name: wandb.Table(columns=list(columns), data=[to_plain(row) for row in rows])})

        self._try(send)

    def forecast_plot(
        self,
        name: str,
        x: Sequence[float],
        lines: Mapping[str, Sequence[float]],
        x_name: str,
        title: str = "",
    ) -> None:
        """Log a line plot over ``x``; NaN leaves a gap."""

        def send() -> None:
            import wandb

            values = [to_plain(line) for line in lines.values()]
            self._run.log(
                {name: wandb.plot.line_series(to_plain(x), values, list(lines), title or name, x_name)}
            )

        self._try(send)

    def page(self, name: str, path: str | Path) -> None:
        """Log a self-contained HTML page."""

        def send() -> None:
            import wandb

            self._run.log({name: wandb.Html(Path(path).read_text(encoding="utf-8"), inject=False)})

        self._try(send)

    def artifact(
        self, path: str | Path, name: str, kind: str = "model", metadata: Mapping[str, object] | None = None
    ) -> None:
        """Log a file as a versioned artifact."""

        def send() -> None:
            import wandb

            artifact = wandb.Artifact(name, type=kind, metadata=to_plain(metadata or {}))
            artifact.add_file(str(path), skip_cache=True)
            self._run.log_artifact(artifact)

        self._try(send)

    def finish(self, exit_code: int) -> None:
        """Close the W&B run: as finished for 0, else as failed."""
        self._try(lambda: self._run.finish(exit_code=exit_code))

    def _try(self, send: Callable[[], Any]) -> None:
        try:
            send()
        except Exception as error:
            if not self._has_warned:
                print(
                    f"W&B did not take a report ({_first_line(error)}); training continues without it.",
                    flush=True,
                )
            self._has_warned = True


@contextmanager
def start(
    config: Mapping[str, Any],
    folder: RunFolder,
    name: str,
    group: str | None = None,
    project: str = "tsforecast",
    entity: str | None = None,
    tags: Sequence[str] = (),
    mode: Literal["auto", "online", "offline", "disabled"] = "auto",
) -> Iterator[Tracker]:
    """Open a W&B run around a job, and print one line that says where it is and how to look at it.

    Leaving the block normally marks the run as finished; any exception, Ctrl-C included, marks it as failed.
    W&B's files are in the run's folder. A folder that was tracked before continues under the same W&B id.

    Args:
        config: Composed config as plain dicts and lists.
        folder: Folder of the run.
        name: Display name of the run.
        group: Name of the runs to show together, for example of a sweep.
        project: W&B project.
        entity: W&B user or team; None is the account's default.
        tags: Words to find the run by.
        mode: ``auto`` is ``WANDB_MODE`` if set, else online with a key and offline without one; or ``online``,
            ``offline``, ``disabled``.

    Yields:
        A tracker; one that does nothing if W&B is disabled or cannot start.

    Raises:
        UserError: ``mode`` is not one of these, or is ``online`` and there is no key.
    """
    resolved = _resolve_mode(mode)
    if resolved == "disabled":
        print("W&B is disabled: nothing is tracked outside the run's folder.", flush=True)
        yield NullTracker()
        return
    with _data_folder(folder.path):
        labels = {"name": name, "group": group, "project": project, "entity": entity, "tags": list(tags)}
        tracker = _open(resolved, folder, config=to_plain(config), **labels)
        try:
            yield tracker
        except BaseException as error:
            _finish(tracker, 0 if isinstance(error, SystemExit) and not error.code else 1)
            raise
        _finish(tracker, 0)


def _finish(tracker: Tracker, exit_code: int) -> None:
    if isinstance(tracker, WandbTracker):
        tracker.finish(exit_code)


def _resolve_mode(mode: str) -> str:
    if mode not in _MODES:
        choices = ", ".join(_MODES)
        raise UserError(
            f"tracker.mode is '{mode}', but must be one of {choices}.{nearest(str(mode), _MODES)}"
        )
    if mode != "auto":
        return mode
    environment_mode = os.environ.get("WANDB_MODE", "").lower()
    # WANDB_MODE=online is what W&B does anyway; without a key it must not end in a prompt.
    return environment_mode if environment_mode in ("offline", "disabled") else "auto"


def _open(mode: str, folder: RunFolder, **arguments: Any) -> Tracker:
    try:
        import wandb  # takes seconds, so only once it is sure to be used

        account = wandb.setup(settings=wandb.Settings(silent=True)).settings
        key = has_key(account)
    except Exception as error:
        print(f"W&B cannot start ({_first_line(error)}); the run continues without it.", flush=True)
        return NullTracker()
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
    return WandbTracker(run)


def _open_offline(why: str, folder: RunFolder, arguments: Mapping[str, Any]) -> Tracker:
    try:
        run = _init("offline", folder, arguments)
    except Exception as error:
        print(f"W&B cannot start ({_first_line(error)}); the run continues without it.", flush=True)
        return NullTracker()
    path = _relative(Path(run.settings.sync_dir))
    print(
        f"W&B is offline ({why}): look at it with 'wandb leet {path}', upload it with 'wandb sync {path}'.",
        flush=True,
    )
    return WandbTracker(run)


def _init(mode: Literal["online", "offline"], folder: RunFolder, arguments: Mapping[str, Any]) -> Any:
    import wandb

    options: dict[str, Any] = {
        "console": "off",
        "silent": True,
        "init_timeout": _ONLINE_SECONDS,
        "finish_timeout": 120,  # what is not uploaded by then stays in the folder, for 'wandb sync'
        "x_transaction_log_flush_interval": 1.0,  # seconds of records that a kill may lose; 15 by default
        "git_root": str(git_root() or Path.cwd()),
    }
    known = wandb.Settings.model_fields  # an older W&B lacks the newer ones
    settings = wandb.Settings(**{key: value for key, value in options.items() if key in known})
    return wandb.init(
        mode=mode, dir=str(folder.path), id=_run_id(folder), resume="allow", settings=settings, **arguments
    )


def _run_id(folder: RunFolder) -> str:
    file = folder.path / "wandb_id"
    if not file.exists():
        folder.write_text_atomic(file.name, secrets.token_hex(4))
    return file.read_text(encoding="utf-8").strip()


@contextmanager
def _data_folder(folder: Path) -> Iterator[None]:
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
