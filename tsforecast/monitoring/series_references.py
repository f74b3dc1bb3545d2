"""What the monitors of many series compare with: a file with one line per series, read when a series is first seen."""

import json
from collections.abc import Iterable
from pathlib import Path

from tsforecast.monitoring.monitor import Reference

SERIES_FILE = "monitoring_series.jsonl"  # in a version of the registry


def write_references(references: Iterable[tuple[str, Reference]]) -> bytes:
    """Return the content of the file.

    Args:
        references: Name of each series, and what it is compared with.
    """
    lines = [
        json.dumps([name, reference.to_dict()], allow_nan=False, separators=(",", ":"))
        for name, reference in references
    ]
    return "".join(f"{line}\n" for line in lines).encode()


class SeriesReferences:
    """The references of many series, of which memory holds the names and their places in the file.

    Args:
        path: The file.

    Example:
        ::

            references = SeriesReferences(version / SERIES_FILE)
            reference = references.of("north")  # None for a series that the training data do not have
    """

    def __init__(self, path: Path):
        self.path = path
        self._places: dict[str, tuple[int, int]] = {}
        start, decoder = 0, json.JSONDecoder()
        with path.open("rb") as file:
            for line in file:
                name, _ = decoder.raw_decode(line.decode(), 1)
                self._places[str(name)] = (start, len(line))
                start += len(line)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def of(self, name: str) -> Reference | None:
        """Return what a series is compared with; None for a series that the file does not have."""
        if name not in self._places:
            return None
        start, length = self._places[name]
        with self.path.open("rb") as file:
            file.seek(start)
            _, stored = json.loads(file.read(length))
        return Reference.from_dict(stored)
