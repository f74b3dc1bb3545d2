"""The registry: immutable versions in a folder, and a champion among them that is moved by an atomic rename.

    registry.path/
      lock                one writer at a time
      champion.json       the version in service, since when and why, and those before it
      versions/v0001/     model.keras (or model.json), config.yaml, result.json, manifest.json, ...

A version is put together in a hidden folder and renamed once it is complete, with its manifest written last. The
champion, the way back and the record of moves are one file, so that no kill can part them. Readers need no lock.
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
from tsforecast.files import flush_folder, remove_partial_files, write_bytes
from tsforecast.registry.files import locked, move_folder, sha256, write_new

MANIFEST = "manifest.json"
CALIBRATION = "calibration.npz"  # scores of the newest validation windows, for prediction intervals
STAGED = ".new-"
NAME = re.compile(r"v(\d{4,})")
MAX_MOVES = 1000  # of the record


@dataclass(frozen=True)
class Version:
    """One immutable version.

    Args:
        name: ``v0001`` and so on.
        path: its folder.
        manifest: ``created``, ``files`` (name -> SHA-256), ``lineage``, and a summary of its result.
    """

    name: str
    path: Path
    manifest: dict[str, Any]

    @property
    def model(self) -> Path:
        """Where ``models.io.load_model`` looks for it: ``model.keras``, or ``model.json`` beside that name."""
        return self.path / "model.keras"

    @property
    def config(self) -> Path:
        """The config of the run that it came from."""
        return self.path / "config.yaml"

    def result(self) -> dict[str, Any]:
        """Return the ``result.json`` of that run."""
        result: dict[str, Any] = json.loads((self.path / "result.json").read_text())
        return result

    def calibration(self) -> bytes | None:
        """Return the scores that its prediction intervals start with, or None if it has none."""
        path = self.path / CALIBRATION
        return path.read_bytes() if path.is_file() else None

    def check(self) -> None:
        """Compares every file with its hash.

        Raises:
            UserError: a file is missing or is not what was registered.
        """
        for name, known in self.manifest["files"].items():
            file = self.path / name
            if not file.is_file():
                raise UserError(
                    f"{self.name} in the registry lacks its file {name}: promote another version."
                )
            if sha256(file) != known:
                raise UserError(
                    f"{file} is not the file that was registered (its SHA-256 differs): promote another version."
                )


class Registry:
    """Versions of models, and the champion among them.

    Args:
        path: the folder; made by the first version that is added.
        wait_seconds: how long a writer waits for another one.
    """

    def __init__(self, path: str | Path, wait_seconds: float = 60.0):
        self.path, self.wait_seconds = Path(path), wait_seconds
        self.alias = self.path / "champion.json"

    def versions(self) -> list[Version]:
        """All versions, the oldest first."""
        folder = self.path / "versions"
        names = (
            [path.name for path in folder.iterdir() if NAME.fullmatch(path.name)] if folder.is_dir() else []
        )
        return [self.version(name) for name in sorted(names, key=_number)]

    def version(self, name: str) -> Version:
        """One version, by name.

        Raises:
            UserError: there is none of that name.
        """
        path = self.path / "versions" / name
        if not NAME.fullmatch(name) or not (path / MANIFEST).is_file():
            folder = self.path / "versions"
            known = sorted(entry.name for entry in folder.glob("v*")) if folder.is_dir() else []
            raise UserError(
                f"{self.path} holds no version '{name}'.{nearest(name, known)} "
                f"It has {', '.join(known[-5:]) or 'none yet'}."
            )
        return Version(name, path, json.loads((path / MANIFEST).read_text()))

    def champion_name(self) -> str | None:
        """The name of the version in service, or None; one small file is read."""
        return self._state()["version"]

    def champion(self) -> Version:
        """The version in service.

        Raises:
            UserError: none has been promoted yet.
        """
        name = self.champion_name()
        if name is None:
            raise UserError(
                f"{self.path} has no champion yet: promote a finished run by `python run.py job=promote run=FOLDER`."
            )
        return self.version(name)

    def moves(self) -> list[dict[str, Any]]:
        """The record of the champion's moves, oldest first: ``version``, ``at``, ``why``."""
        return self._state()["moves"]

    def add(
        self,
        model: Path,
        *,
        config: str,
        result: Mapping[str, Any],
        lineage: Mapping[str, Any],
        extra: Mapping[str, bytes] | None = None,
    ) -> Version:
        """Stores a model as a new version; the same model with the same config and result is stored once.

        Args:
            model: the saved model, ``.keras`` or a fitted model's ``.json``.
            config: the YAML of its run.
            result: the ``result.json`` of its run.
            lineage: where it comes from, such as ``run`` (a folder) and ``parent`` (a version).
            extra: more files by name, such as what intervals are calibrated by.

        Returns:
            The version, which is complete on the disk by then.

        Raises:
            UserError: another writer holds the registry.
        """
        contents: dict[str, bytes | Path] = {
            f"model{model.suffix}": model,
            "config.yaml": config.encode(),
            "result.json": _json(result),
            **(extra or {}),
        }
        (self.path / "versions").mkdir(parents=True, exist_ok=True)
        with locked(self.path / "lock", self.wait_seconds):
            self._sweep()
            staged = self.path / "versions" / f"{STAGED}{os.getpid()}"
            staged.mkdir()
            for name, content in contents.items():
                write_new(staged / name, content)
            hashes = {name: sha256(staged / name) for name in contents}
            twin = self._twin(hashes, f"model{model.suffix}")
            if twin is not None:
                self._sweep()
                return twin
            name = f"v{self._newest_number() + 1:04d}"
            write_new(staged / MANIFEST, _json(_manifest(name, hashes, result, lineage)))
            move_folder(staged, self.path / "versions" / name)
        return self.version(name)

    def promote(self, name: str, why: str) -> Version:
        """Makes a version the champion, after a look at its hashes; nothing happens if it is.

        Raises:
            UserError: there is no such version, or its files are not those registered.
        """
        version = self.version(name)
        version.check()
        with locked(self.path / "lock", self.wait_seconds):
            state = self._state()
            if state["version"] != name:
                before = [] if state["version"] is None else [state["version"]]
                self._move(state, name, why, [*state["before"], *before])
        return version

    def rollback(self, why: str) -> Version:
        """Puts the champion before this one back in service; once more goes one further back.

        Raises:
            UserError: there was none before, or its files are not those registered.
        """
        if not self._state()["before"]:
            raise UserError(f"{self.path} has no champion before this one to go back to.")
        with locked(self.path / "lock", self.wait_seconds):
            state = self._state()
            if not state["before"]:  # another writer was quicker
                raise UserError(f"{self.path} has no champion before this one to go back to.")
            version = self.version(state["before"][-1])
            version.check()
            self._move(state, version.name, why, state["before"][:-1])
        return version

    def _state(self) -> dict[str, Any]:
        if not self.alias.is_file():
            return {"version": None, "before": [], "moves": []}
        return json.loads(self.alias.read_text())

    def _move(self, state: Mapping[str, Any], name: str, why: str, before: list[str]) -> None:
        move = {"version": name, "at": _now(), "why": why}
        moves = [*state["moves"], move][-MAX_MOVES:]
        write_bytes(self.alias, _json({"version": name, "before": before, "moves": moves}))

    def _sweep(self) -> None:
        """Removes what killed writers left; whoever holds the lock is the only writer."""
        for left in (self.path / "versions").glob(f"{STAGED}*"):
            shutil.rmtree(left)
        remove_partial_files(self.path)
        flush_folder(self.path / "versions")

    def _twin(self, hashes: Mapping[str, str], model: str) -> Version | None:
        same = (model, "config.yaml", "result.json")
        for version in self.versions():
            if all(version.manifest["files"].get(name) == hashes[name] for name in same):
                return version
        return None

    def _newest_number(self) -> int:
        return max((_number(version.name) for version in self.versions()), default=0)


def _manifest(
    name: str, hashes: Mapping[str, str], result: Mapping[str, Any], lineage: Mapping[str, Any]
) -> dict[str, Any]:
    told = ("model", "params", "metrics", "skill", "data", "window", "unit", "seed", "commit", "versions")
    return {
        "version": name,
        "created": _now(),
        "files": dict(hashes),
        "lineage": dict(lineage),
        **{key: result[key] for key in told if key in result},
    }


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _number(name: str) -> int:
    return int(name[1:])


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
