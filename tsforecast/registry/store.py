"""The registry: immutable versions in a folder, and a champion among them that changes by an atomic rename.

    registry.path/
      lock                one writer at a time
      champion.json       the version in service, since when and why, and those before it
      audit.jsonl         who added, promoted or rolled back what, each line with the hash of the one before
      versions/v0001/     model.keras (or model.json), config.yaml, result.json, manifest.json, ...

A version is assembled in a hidden folder and renamed once it is complete; its manifest is written last. The champion,
the way back and the record of moves are one file, so that no kill can separate them. Readers need no lock.
"""

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tsforecast.errors import UserError, nearest
from tsforecast.files import flush_folder, remove_partial_files, sha256, write_bytes
from tsforecast.installation import COMMAND
from tsforecast.registry.audit import AuditLog
from tsforecast.registry.files import file_lock, move_folder, write_new
from tsforecast.untrusted.records import read_record

MANIFEST = "manifest.json"
CALIBRATION = "calibration.npz"  # scores of the newest validation windows, for prediction intervals
STAGED = ".new-"  # prefix of a version that is being assembled
NAME = re.compile(r"v(\d{4,})")
PROMOTE = f"promote a finished run with `{COMMAND} job=promote run=FOLDER`"
MAX_MOVES = 1000  # in the record
MANIFEST_KEYS = (
    "model",
    "params",
    "metrics",
    "skill",
    "data",
    "window",
    "unit",
    "seed",
    "commit",
    "versions",
)


@dataclass(frozen=True)
class Version:
    """One immutable version of a model.

    Args:
        name: Its name, ``v0001`` and so on.
        path: Its folder.
        manifest: ``created``, ``files`` (name -> SHA-256), ``lineage``, and a summary of its result.
    """

    name: str
    path: Path
    manifest: dict[str, Any]

    @property
    def model(self) -> Path:
        """Path for ``models.io.load_model``: ``model.keras``; an estimator's ``model.json`` is found by it too."""
        return self.path / "model.keras"

    @property
    def config(self) -> Path:
        """Config of the run that it came from."""
        return self.path / "config.yaml"

    def result(self) -> dict[str, Any]:
        """Return the ``result.json`` of that run."""
        return read_record(self.path / "result.json", "promote another version")

    def calibration(self) -> bytes | None:
        """Return the scores that its prediction intervals start with, or None if it has none."""
        path = self.path / CALIBRATION
        return path.read_bytes() if path.is_file() else None

    def check(self) -> None:
        """Compare every file with its hash.

        Raises:
            UserError: A file is missing or is not what was registered.
        """
        for name, expected in self.manifest["files"].items():
            file = self.path / name
            if not file.is_file():
                raise UserError(
                    f"{self.name} in the registry lacks its file {name}: promote another version."
                )
            if sha256(file) != expected:
                raise UserError(
                    f"{file} is not the file that was registered (its SHA-256 differs): promote another version."
                )


class Registry:
    """Versions of models, and the champion among them.

    Args:
        path: Folder of the registry; created with the first version that is added.
        wait_seconds: Seconds that a writer waits for another one.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> saved = folder / "best.keras"
        >>> _ = saved.write_bytes(b"a saved model")
        >>> registry = Registry(folder / "registry")
        >>> version = registry.add(saved, config="seed: 0", result={"model": "lstm"}, lineage={"run": "first"})
        >>> registry.promote(version.name, "the first one").name
        'v0001'
        >>> registry.champion_name()
        'v0001'
    """

    def __init__(self, path: str | Path, wait_seconds: float = 60.0):
        self.path, self.wait_seconds = Path(path), wait_seconds
        self.alias = self.path / "champion.json"
        self.audit = AuditLog(self.path)

    def versions(self) -> list[Version]:
        """Return all versions, the oldest first."""
        folder = self.path / "versions"
        names = (
            [path.name for path in folder.iterdir() if NAME.fullmatch(path.name)] if folder.is_dir() else []
        )
        return [self.version(name) for name in sorted(names, key=_number)]

    def version(self, name: str) -> Version:
        """Return a version by name.

        Raises:
            UserError: There is no version of that name.
        """
        path = self.path / "versions" / name
        if not NAME.fullmatch(name) or not (path / MANIFEST).is_file():
            folder = self.path / "versions"
            known = sorted(entry.name for entry in folder.glob("v*")) if folder.is_dir() else []
            raise UserError(
                f"{self.path} holds no version '{name}'.{nearest(name, known)} "
                + (
                    f"It has {', '.join(known[-5:])}: choose one."
                    if known
                    else f"It has none yet: {PROMOTE}."
                )
            )
        return Version(name, path, read_record(path / MANIFEST, "promote another version"))

    def champion_name(self) -> str | None:
        """Return the name of the version in service, or None; reads one small file."""
        name: str | None = self._state()["version"]
        return name

    def champion(self) -> Version:
        """Return the version in service.

        Raises:
            UserError: None has been promoted yet.
        """
        name = self.champion_name()
        if name is None:
            raise UserError(f"{self.path} has no champion yet: {PROMOTE}.")
        return self.version(name)

    def moves(self) -> list[dict[str, Any]]:
        """Return the record of the champion's moves, oldest first: ``version``, ``at``, ``why``."""
        moves: list[dict[str, Any]] = self._state()["moves"]
        return moves

    def add(
        self,
        model: Path,
        *,
        config: str,
        result: Mapping[str, Any],
        lineage: Mapping[str, Any],
        extra: Mapping[str, bytes] | None = None,
    ) -> Version:
        """Store a model as a new version; the same model with the same config and result is stored only once.

        Args:
            model: Saved model, a network's ``.keras`` or an estimator's ``.json``.
            config: YAML of its run.
            result: ``result.json`` of its run.
            lineage: Where it comes from, for example ``run`` (a folder) and ``parent`` (a version).
            extra: More files by name, for example the calibration of the prediction intervals.

        Returns:
            The version, which is complete on the disk by then.

        Raises:
            UserError: Another writer holds the registry.
        """
        contents: dict[str, bytes | Path] = {
            f"model{model.suffix}": model,
            "config.yaml": config.encode(),
            "result.json": _json(result),
            **(extra or {}),
        }
        (self.path / "versions").mkdir(parents=True, exist_ok=True)
        with file_lock(self.path / "lock", self.wait_seconds):
            self._remove_leftovers()
            staged = self.path / "versions" / f"{STAGED}{os.getpid()}"
            staged.mkdir()
            for name, content in contents.items():
                write_new(staged / name, content)
            hashes = {name: sha256(staged / name) for name in contents}
            existing = self._find_same(hashes, f"model{model.suffix}")
            if existing is not None:
                self._remove_leftovers()
                return existing
            name = f"v{self._newest_number() + 1:04d}"
            write_new(staged / MANIFEST, _json(_manifest(name, hashes, result, lineage)))
            move_folder(staged, self.path / "versions" / name)
            self.audit.append("add", version=name, files=hashes, lineage=dict(lineage))
        return self.version(name)

    def promote(self, name: str, why: str) -> Version:
        """Make a version the champion, after a check of its files; do nothing if it is the champion already.

        Args:
            name: Name of the version.
            why: Reason, for the record.

        Raises:
            UserError: There is no such version, or its files are not those registered.
        """
        version = self.version(name)
        version.check()
        with file_lock(self.path / "lock", self.wait_seconds):
            state = self._state()
            self.audit.complete(state["moves"])
            if state["version"] != name:
                before = [] if state["version"] is None else [state["version"]]
                self._move(state, "promote", name, why, [*state["before"], *before])
        return version

    def rollback(self, why: str) -> Version:
        """Put the previous champion back in service; a second call goes one further back.

        Args:
            why: Reason, for the record.

        Raises:
            UserError: There was none before, or its files are not those registered.
        """
        if not self._state()["before"]:
            raise UserError(self._no_way_back())
        with file_lock(self.path / "lock", self.wait_seconds):
            state = self._state()
            self.audit.complete(state["moves"])
            if not state["before"]:  # another writer was quicker
                raise UserError(self._no_way_back())
            version = self.version(state["before"][-1])
            version.check()
            self._move(state, "rollback", version.name, why, state["before"][:-1])
        return version

    def _no_way_back(self) -> str:
        choose = f"Choose a version with `{COMMAND} job=promote registry.version=NAME`"
        return (
            f"{self.path} has no champion before this one to go back to."
            f" {choose if self.versions() else PROMOTE[0].upper() + PROMOTE[1:]}, or name another registry.path."
        )

    def _state(self) -> dict[str, Any]:
        if not self.alias.is_file():
            return {"version": None, "before": [], "moves": []}
        state = read_record(self.alias, "delete it, and promote a version again")
        if not {"version", "before", "moves"} <= set(state):
            raise UserError(f"{self.alias} is damaged: delete it, and promote a version again.")
        return state

    def _move(self, state: Mapping[str, Any], action: str, name: str, why: str, before: list[str]) -> None:
        move = {"version": name, "at": _now(), "why": why}
        moves = [*state["moves"], move][-MAX_MOVES:]
        write_bytes(self.alias, _json({"version": name, "before": before, "moves": moves}))
        self.audit.append(action, version=name, moved_at=move["at"], why=why, replaces=state["version"])

    def _remove_leftovers(self) -> None:
        """Remove what killed writers left; whoever holds the lock is the only writer."""
        for folder in (self.path / "versions").glob(f"{STAGED}*"):
            shutil.rmtree(folder)
        remove_partial_files(self.path)
        flush_folder(self.path / "versions")

    def _find_same(self, hashes: Mapping[str, str], model: str) -> Version | None:
        names = (model, "config.yaml", "result.json")
        for version in self.versions():
            if all(version.manifest["files"].get(name) == hashes[name] for name in names):
                return version
        return None

    def _newest_number(self) -> int:
        return max((_number(version.name) for version in self.versions()), default=0)


def _manifest(
    name: str, hashes: Mapping[str, str], result: Mapping[str, Any], lineage: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "version": name,
        "created": _now(),
        "files": dict(hashes),
        "lineage": dict(lineage),
        **{key: _shorten(result[key]) for key in MANIFEST_KEYS if key in result},
    }


def _shorten(value: Any) -> Any:
    """Return a field of a result without what has an entry for each of many series."""
    return {key: item for key, item in value.items() if key != "ends"} if isinstance(value, dict) else value


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _number(name: str) -> int:
    return int(name[1:])


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
