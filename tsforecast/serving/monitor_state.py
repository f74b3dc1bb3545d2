"""The state of monitors in the journal: that of one series as one value, that of many as one value for each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tsforecast.journal.database import state_key

if TYPE_CHECKING:
    from tsforecast.serving.learner import Learner
    from tsforecast.serving.series_monitors import SeriesMonitors, WatchedSeries

STATE, POOL = "monitor", "monitor_pool"  # keys of the journal
MAX_STORED = (
    100  # series whose state is stored at once: the others follow, those that have waited longest first
)


def store_monitors(monitors: SeriesMonitors, everything: bool) -> tuple[dict[str, str], bool]:
    """Return keys and values that store what has changed, and whether nothing is left to store.

    Args:
        monitors: The monitors.
        everything: Whether to store all series that have changed, however many.
    """
    changed = [(name, item) for name, item in monitors.items.items() if name and item.is_changed]
    changed.sort(key=lambda pair: (not pair[1].is_urgent, pair[1].stored))
    urgent = sum(item.is_urgent for _, item in changed)
    kept = changed if everything else changed[: max(MAX_STORED, urgent)]
    base = monitors.items[""]
    values = {STATE: _to_json(monitors, base, levels=list(monitors.history))}
    for name, item in kept:
        values[state_key(STATE, name)] = _to_json(monitors, item)
    monitors.rounds += 1
    for item in (base, *(item for _, item in kept)):
        item.is_changed, item.is_urgent, item.stored = False, False, monitors.rounds
    is_complete = len(kept) == len(changed)
    if monitors.is_panel and is_complete:
        pool = [scorer.to_dict() for scorer in monitors.pool]
        values[POOL] = json.dumps({"version": monitors.version, "pool": pool})
    return values, is_complete


def restore_monitors(monitors: SeriesMonitors, learner: Learner) -> None:
    """Restore the state of monitors as the service left it; of another version the alarms alone.

    Args:
        monitors: New monitors.
        learner: Holds the journal.
    """
    stored = learner.read_meta(STATE)
    if stored is None:
        return
    content = json.loads(stored)
    if _restore_one(monitors, "", stored):
        monitors.history.extend(content["levels"])
    if not monitors.is_panel:
        return
    for name, of_series in learner.read_metas(f"{STATE}/").items():
        _restore_one(monitors, name, of_series)
    pool = json.loads(learner.read_meta(POOL) or "{}")
    if pool.get("version") == monitors.version:
        for scorer, state in zip(monitors.pool, pool["pool"], strict=True):
            scorer.restore(state)
    monitors.note_levels(list(monitors.items))


def _restore_one(monitors: SeriesMonitors, name: str, stored: str) -> bool:
    """Restore the state of a series; return whether it is of the same version."""
    content = json.loads(stored)
    is_same = bool(content["version"] == monitors.version)
    if not is_same and name and not content["state"]["book"]["open"]:
        return False
    monitor = monitors.of(name).monitor
    if not is_same or not monitor.restore(content["state"]):
        monitor.book.restore(content["state"]["book"])
        is_same = False
    return is_same


def _to_json(monitors: SeriesMonitors, item: WatchedSeries, **more: object) -> str:
    return json.dumps({"version": monitors.version, **more, "state": item.monitor.to_dict()})
