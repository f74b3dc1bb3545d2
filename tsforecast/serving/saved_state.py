"""State files of earlier versions of the service, which are read once into the journal."""

import json
import sqlite3
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from tsforecast.serving.window_record import WindowRecord

RECORD = "record.json"  # the newest forecasts and truths
FIELDS = {"values": "forecast", "low": "low", "high": "high", "lower": "lower", "upper": "upper"}


def import_saved_state(folder: Path, connection: sqlite3.Connection) -> None:
    """Read the state files of an earlier version into an empty journal, and delete them; nothing without any.

    Args:
        folder: Folder ``live/`` of the registry, with ``record.json`` and, for each version, what its intervals
            (``v0001.npz``) and weights (``v0001.json``) learned.
        connection: The journal.
    """
    record = folder / RECORD
    states = sorted(path for suffix in (".npz", ".json") for path in folder.glob(f"v[0-9]*{suffix}"))
    if not (states or record.is_file()):
        return
    if connection.execute("SELECT 1 FROM forecasts LIMIT 1").fetchone() is None:
        connection.execute("BEGIN")
        for path in states:
            if path.suffix == ".npz":
                connection.execute("INSERT INTO intervals VALUES(?,0,?)", (path.stem, path.read_bytes()))
            else:
                connection.execute("INSERT INTO weights VALUES(?,?)", (path.stem, path.read_text()))
        if record.is_file():
            _import_record(json.loads(record.read_text()), connection)
        connection.execute("COMMIT")
    for path in (*states, record):
        path.unlink(missing_ok=True)


def _import_record(stored: dict[str, Any], connection: sqlite3.Connection) -> None:
    now = int(time.time() * 1000)
    for moment, target, value in stored["truths"]:
        connection.execute("INSERT INTO truths VALUES(NULL,?,?,?,?,'')", (now, moment, target, value))
    weights = dict(stored["weights"])
    windows = defaultdict(list)
    for point in stored["points"]:
        windows[point["version"], point["made_at"]].append(point)
    for (version, made_at), points in windows.items():
        window = _window(version, made_at, points, weights.get(made_at))
        number = connection.execute(
            "INSERT INTO forecasts VALUES(NULL,?,?,0,?,0,?,'')", (now, version, made_at, window.to_bytes())
        ).lastrowid
        for point in points:
            if point["truth"] is not None:
                cell = (number, point["time"], point["step"], point["target"])
                bounds = tuple(point[name] for name in (*FIELDS.values(), "truth"))
                connection.execute(
                    "INSERT INTO scores VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?,?,0,'')",
                    (now, version, *cell, *bounds),
                )


def _window(
    version: str, made_at: int, points: list[dict[str, Any]], weights: dict[str, float] | None
) -> WindowRecord:
    shape = (1 + max(point["step"] for point in points), 1 + max(point["target"] for point in points))
    arrays = {name: np.full(shape, np.nan) for name in FIELDS}
    arrays |= {"alarm": np.zeros(shape, bool), "times": np.zeros(shape[0], np.int64)}
    arrays["last"] = np.full(shape[1], np.nan)
    if points[0]["spike"] is not None:
        arrays["spike"] = np.full(shape, np.nan)
    for point in points:
        cell = (point["step"], point["target"])
        for name, field in FIELDS.items():
            arrays[name][cell] = np.nan if point[field] is None else point[field]
        arrays["alarm"][cell] = point["alarm"]
        arrays["times"][point["step"]] = point["time"]
        arrays["last"][point["target"]] = point["last"]
        if point["spike"] is not None:
            arrays["spike"][cell] = point["spike"]
    if weights is not None:
        arrays["weights"] = np.array(list(weights.values()))
    return WindowRecord(version, made_at, arrays, tuple(weights or ()))
