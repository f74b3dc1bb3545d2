"""What a sweep is made of: its jobs, its folder, and the proof that a resumed sweep is the same study."""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsforecast.errors import UserError
from tsforecast.files import to_plain
from tsforecast.installation import COMMAND
from tsforecast.tracking.run_folder import RunFolder

# What changes neither a job's training nor its figures.
NOT_OF_THE_RESULT = (
    "tracker",
    "sweep",
    "resume",
    "run",
    "over",
    "published",
    "model_table",
    "report",
    "verify",
)
# What only some jobs read.
_SERVING = ("promote", "rollback", "predict", "serve", "retrain", "replay", "export")
READ_BY = {
    "backtest": ("backtest",),
    "ensemble": ("ensemble", "backtest", "plan", "verify", "benchmark", "rehearsal"),
    "distill": ("distill",),
    "plan": ("plan", "benchmark"),
    "registry": _SERVING,
    "predict": _SERVING,
    "intervals": _SERVING,
    "serve": _SERVING,
    "retrain": _SERVING,
    "export": ("export",),
    "watch": ("watch",),
    "format": ("export",),
}
LONGEST_NAME = 80


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Args:
        number: from 0.
        axes: swept key -> value as written on the command line.
        arguments: what follows ``python run.py`` to run this job alone.
        config: the whole composed config.
        config_yaml: the same as text, for a job that is to run just this config, whatever becomes of ``conf/`` until
            its turn comes; empty where it is composed again from ``arguments``.
    """

    number: int
    axes: Mapping[str, str]
    arguments: Sequence[str]
    config: Mapping[str, Any]
    config_yaml: str = ""

    @property
    def hash(self) -> str:
        """Twelve digits that two jobs share when their configs lead to the same result."""
        return config_hash(self.config)

    @property
    def label(self) -> str:
        """The axes in short, as in ``model=gru batch_size=64``."""
        return " ".join(f"{key}={value}" for key, value in short_keys(self.axes).items()) or "the only job"

    @property
    def folder_name(self) -> str:
        """The label as a folder's name that needs no quotes, as in ``03_model-gru_batch_size-64``."""
        axes = (f"{_plain(key)}-{_plain(value)}" for key, value in short_keys(self.axes).items())
        return "_".join([f"{self.number:02d}", *axes])[:LONGEST_NAME]


def _plain(word: str) -> str:
    """Return a word without characters that have a meaning in a shell or in Hydra."""
    return re.sub(r"[^\w.-]+", "-", word).strip("-")


def select_result_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a config that affect the result of its job."""
    job = (config.get("job") or {}).get("name", "train")
    read = {key: value for key, value in config.items() if job in READ_BY.get(key, (job,))}
    return {key: value for key, value in read.items() if key not in NOT_OF_THE_RESULT}


def config_hash(config: Mapping[str, Any], without: Sequence[str] = ()) -> str:
    """Return a hash (12 hexadecimal digits) of the options that affect the result, except the keys in ``without``."""
    kept = {key: value for key, value in select_result_options(config).items() if key not in without}
    return hashlib.sha256(json.dumps(to_plain(kept), sort_keys=True).encode()).hexdigest()[:12]


def short_keys(axes: Mapping[str, str]) -> dict[str, str]:
    """Return the axes for display: keys shortened to their last part if it is unambiguous, long numbers rounded."""
    last = [key.replace("/", ".").rsplit(".", 1)[-1] for key in axes]
    return {
        (short if last.count(short) == 1 else key): _short(value)
        for short, (key, value) in zip(last, axes.items(), strict=True)
    }


def _short(value: str) -> str:
    """Return a long number with four significant digits."""
    return f"{float(value):.4g}" if re.fullmatch(r"-?\d+\.\d{7,}(e-?\d+)?", value) else value


class Study:
    """The folder of a sweep.

    Args:
        folder: Folder with ``study.json``, the folders of the jobs, ``sweep.json`` and ``summary.csv``.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.file = folder / "study.json"

    @property
    def id(self) -> str:
        """Name of the sweep: the name of its folder."""
        return self.folder.resolve().name

    def begin(self, command: Sequence[str], identity: Mapping[str, Any]) -> bool:
        """Save what identifies the sweep, or compare it with what an earlier session saved.

        Args:
            command: Arguments after ``run.py`` that started the sweep.
            identity: Everything that must be the same for finished jobs to count, in plain containers.

        Returns:
            Whether an earlier session began the sweep.

        Raises:
            UserError: The folder holds another study, whose differences are named, or is not writable.
        """
        identity = _select_result_identity(json.loads(json.dumps(to_plain(identity))))
        if self.file.is_file():
            self._compare(_select_result_identity(self.read()["identity"]), identity)
            return True
        folder = RunFolder.create(self.folder)
        folder.write_json(self.file.name, {"command": list(command), "identity": identity})
        return False

    def read(self) -> dict[str, Any]:
        """Return what an earlier session saved: ``command`` and ``identity``.

        Raises:
            UserError: There was no earlier session.
        """
        if not self.file.is_file():
            raise UserError(
                f"{self.folder} is not the folder of a sweep: it has no study.json; "
                f"give a folder that `{COMMAND} -m` made."
            )
        stored: dict[str, Any] = json.loads(self.file.read_text(encoding="utf-8"))
        return stored

    def _compare(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        changes = differences(before, now)
        if changes:
            more = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
            raise UserError(
                f"{self.folder} holds another study: {changes[0]}{more}; "
                "repeat its own command, or give this study a sweep.id of its own."
            )

    @contextmanager
    def lock(self) -> Iterator[int]:
        """Keep other processes out, and yield the descriptor of the lock, which jobs inherit: an orphaned job keeps it.

        Raises:
            UserError: Another process works on this sweep.
        """
        import fcntl  # here: what only compares runs imports this module too, also on Windows

        RunFolder.create(self.folder)
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UserError(
                    f"Another process is working on {self.folder}: wait until it ends, or choose another sweep.id."
                ) from error
            yield descriptor
        finally:
            os.close(descriptor)


def _select_result_identity(identity: dict[str, Any]) -> dict[str, Any]:
    """Drop from each config in ``identity["jobs"]`` what does not affect its result."""
    jobs = {label: select_result_options(config) for label, config in identity.get("jobs", {}).items()}
    return {**identity, "jobs": jobs}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the differences of two nested mappings, such as ``training.max_steps was 20 there and is 40 now``.

    A key that differs in several jobs is listed once.
    """
    old, new = dict(_flat(before)), dict(_flat(now))
    sentences: dict[str, None] = {}
    for path in [*old, *(path for path in new if path not in old)]:
        if old.get(path) != new.get(path):
            name = ".".join(path[2:] if path[0] == "jobs" and len(path) > 2 else path)
            sentences[
                f"{name} was {_format_value(old, path)} there and is {_format_value(new, path)} now"
            ] = None
    return list(sentences)


def _format_value(values: Mapping[tuple[str, ...], Any], path: tuple[str, ...]) -> str:
    return json.dumps(values[path]) if path in values else "not set"


def _flat(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from _flat(value, (*path, str(key)))
    else:
        yield path, node
