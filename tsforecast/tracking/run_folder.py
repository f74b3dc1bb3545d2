"""The folder of one run: its files by name, and the commit of the code that made them."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tsforecast.errors import UserError
from tsforecast.files import append_line, remove_partial_files, to_plain, write_error, write_json, write_text

_SOURCE_FOLDER = Path(__file__).resolve().parent.parent


class RunFolder:
    """The files of a run.

    Args:
        path: Folder of the run; it need not exist, see `create`.

    Example:
        >>> RunFolder("outputs/run").best.name
        'best.keras'
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.metrics = self.path / "metrics.jsonl"
        self.best = self.path / "best.keras"
        self.last = self.path / "last.npz"
        self.result = self.path / "result.json"
        self.data = self.path / "data.json"
        self.report = self.path / "report.html"

    @classmethod
    def create(cls, path: str | Path) -> "RunFolder":
        """Create the folder, which may exist, and try to write in it.

        Raises:
            UserError: The folder cannot be created or written; the message says why.
        """
        folder = cls(path)
        probe = folder.path / f".probe-{os.getpid()}"
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"x")
            probe.unlink()
        except OSError as error:
            raise write_error(folder.path, error) from error
        return folder

    @classmethod
    def existing(cls, path: str | Path) -> "RunFolder":
        """Open the folder of an earlier run.

        Raises:
            UserError: There is no such folder, or it contains no ``config.yaml``.
        """
        folder = cls(path)
        if not folder.config.is_file():
            raise UserError(
                f"'{path}' is not a folder with a run in it (it contains no config.yaml): give the folder of an earlier"
                " run."
            )
        return folder

    def write_text_atomic(self, name: str, text: str) -> None:
        """Write ``path/name`` as a whole; see `files.atomic_path`."""
        write_text(self.path / name, text)

    def write_json(self, name: str, value: object) -> None:
        """Write ``path/name`` as indented JSON; see `files.write_json`."""
        write_json(self.path / name, value)

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Append one line to ``metrics.jsonl``; an incomplete line left by a kill is removed first.

        Raises:
            UserError: The disk is full or the file cannot be written.
        """
        if self._ends_incomplete():
            self._write_metrics(self.read_metrics())
        append_line(self.metrics, _json_line(row))

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return the rows of ``metrics.jsonl``, none without the file; an incomplete last line is left out.

        Raises:
            UserError: A line before the last one is not a JSON object.
        """
        if not self.metrics.exists():
            return []
        lines = self.metrics.read_bytes().splitlines()
        rows = []
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except ValueError:  # bad JSON, or bytes cut inside a character
                row = None
            if isinstance(row, dict):
                rows.append(row)
            elif number < len(lines):
                raise UserError(
                    f"Line {number} of {self.metrics} is not a JSON object: fix or remove that line."
                )
        return rows

    def truncate_metrics(self, step: int) -> None:
        """Drop what an interrupted run left: rows after ``step``, which will be repeated, and half-written files."""
        remove_partial_files(self.path)
        if self.metrics.exists():
            self._write_metrics([row for row in self.read_metrics() if row.get("step", 0) <= step])

    def _write_metrics(self, rows: list[dict[str, Any]]) -> None:
        self.write_text_atomic(self.metrics.name, "".join(map(_json_line, rows)))

    def _ends_incomplete(self) -> bool:
        if not self.metrics.exists() or self.metrics.stat().st_size == 0:
            return False
        with open(self.metrics, "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"


def _json_line(row: Mapping[str, Any]) -> str:
    return json.dumps(to_plain(row), allow_nan=False) + "\n"


def git_root(folder: str | Path = _SOURCE_FOLDER) -> Path | None:
    """Return the top of the git repository that tracks files in ``folder`` (default: this package), or None."""
    # An installed package may lie inside another project's repository, which says nothing about this code.
    if not _git(folder, "ls-files", "--error-unmatch", "."):
        return None
    top = _git(folder, "rev-parse", "--show-toplevel")
    return Path(top) if top else None


def git_commit(folder: str | Path = _SOURCE_FOLDER) -> str | None:
    """Return the commit of the code in ``folder`` (default: this package), for example ``"3f2a91c0b7de+dirty"``.

    Returns:
        The first twelve digits, with ``+dirty`` if there are changed or untracked files; None without git, or if the
        folder is not tracked in a repository with a commit.
    """
    top = git_root(folder)
    commit = _git(top, "rev-parse", "--short=12", "HEAD") if top else None
    if not commit:
        return None
    return commit + ("+dirty" if _git(top, "status", "--porcelain") else "")


def _git(folder: str | Path | None, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    # A hook's GIT_DIR would point git at another repository than the folder's own.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=True, env=environment
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
