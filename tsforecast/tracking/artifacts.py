"""What a run hands to its trackers to keep: its model, and everything else that it leaves in its folder."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

RUN_FILES = ("config.yaml", "result.json", "metrics.jsonl", "errors.npz", "report.html")


@dataclasses.dataclass(frozen=True)
class Artifact:
    """Files under one name; each call with the same name makes a new version.

    Args:
        name: What the files are, ``DATA-MODEL`` for a model: all versions of one name are one collection.
        kind: Kind of the files: a ``model``, or everything of a ``run``.
        files: Files; each keeps its name.
        metadata: Figures to store with them.
        question: What two versions must share for their scores to be comparable: data, lead, horizon and unit.
        score: Validation error, for the alias ``best``; None without one.
        champion: Version of the registry that this is, as the champion; None if it is not.
        replaces: Name of the model that was the champion before; None without a champion or if it is unknown.
        example: Column -> values of rows that the model can forecast from, times in ``time``; None if unknown.

    Example:
        >>> Artifact("load-lstm", "model", (Path("best.keras"),)).score is None
        True
    """

    name: str
    kind: Literal["model", "run"]
    files: tuple[Path, ...]
    metadata: Mapping[str, object] = dataclasses.field(default_factory=dict)
    question: str = ""
    score: float | None = None
    champion: str | None = None
    replaces: str | None = None
    example: Mapping[str, Sequence[object]] | None = dataclasses.field(default=None, compare=False)


def artifact_name(*words: str) -> str:
    """Return words as the name of an artifact: letters, digits, ``-``, ``_`` and ``.``, at most 100 of them.

    Example:
        >>> artifact_name("load (north)", "lstm")
        'load-north-lstm'
    """
    return "-".join(re.sub(r"[^\w.]+", "-", word, flags=re.ASCII).strip("-") for word in words)[:100]


def run_files(folder: Path) -> tuple[Path, ...]:
    """Return the files of a run's folder that are kept with it, without its models."""
    return tuple(folder / name for name in RUN_FILES if (folder / name).is_file())
