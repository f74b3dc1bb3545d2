"""What must hold at any time: nothing acknowledged is lost, and the champion is one that was promoted."""

import json
import sqlite3
from contextlib import closing

import numpy as np

from tsforecast.journal.database import read_journal
from tsforecast.serving.window_record import WindowRecord


def find_lost(world):
    """Return the acknowledged rows, truths and forecasts that the journal does not have."""
    ledger, (times, values, features) = world.ledger, world.rows
    with ledger.lock:  # what is acknowledged from now on need not be there yet
        rows, truths, forecasts = set(ledger.rows), dict(ledger.truths), set(ledger.forecasts)
    with closing(read_journal(world.journal)) as connection:
        stored_rows = read_stored_rows(connection)
        stored_truths = set(connection.execute("SELECT time, value FROM truths WHERE target=0"))
        stored_forecasts = read_stored_forecasts(connection)

    def is_stored(index):
        nanoseconds = int(times[index].astype("datetime64[ns]").astype(np.int64))
        return (nanoseconds, tuple(values[index].tolist())) in stored_rows

    assert features
    return {
        "rows": {index for index in rows if not is_stored(index)},
        "observations": set(truths.items()) - stored_truths,
        "forecasts": forecasts - stored_forecasts,
    }


def read_stored_rows(connection):
    """Return time and values of the rows of the journal."""
    rows = connection.execute("SELECT time, content FROM rows")
    return {(time, tuple(json.loads(content).values())) for time, content in rows}


def read_stored_forecasts(connection):
    """Return version, time and values of the forecasts of the journal."""
    rows = connection.execute("SELECT id, version, made_at, content FROM forecasts WHERE NOT shadow")
    stored = set()
    for number, version, made_at, content in rows:
        record = WindowRecord.from_bytes(version, made_at, content, number)
        stored.add((version, made_at, tuple(record.arrays["values"].ravel().tolist())))
    return stored


def check_champion(world):
    """Return what is wrong with the champion and the record of its moves; none if all is well."""
    registry, problems = world.registry, []
    champion = registry.champion()
    champion.check()
    registry.promote(champion.name, "chaos: completes the log")  # moves that a kill kept out of it
    logged = [entry["version"] for entry in registry.audit.read() if entry["action"] != "add"]
    moved = [move["version"] for move in registry.moves()]
    if champion.name != moved[-1]:
        problems.append(f"{champion.name} is the champion, and the last move was to {moved[-1]}")
    if not set(moved) <= set(logged):
        problems.append(f"moves to {sorted(set(moved) - set(logged))} are not in the audit log")
    if not world.ledger.versions <= set(logged):
        problems.append(f"{sorted(world.ledger.versions - set(logged))} answered and were never promoted")
    return problems


def is_sound(path):
    """Return whether SQLite finds no fault in a file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
