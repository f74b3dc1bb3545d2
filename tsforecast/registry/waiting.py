"""Retrained versions that passed the gate, and wait until they have been the shadow of the service long enough."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsforecast.errors import UserError
from tsforecast.files import write_json
from tsforecast.journal.database import journal_path
from tsforecast.metrics.formatting import format_value
from tsforecast.models.io import load_metadata
from tsforecast.registry.shadow import check_shadow, read_shadow_scores

if TYPE_CHECKING:
    from tsforecast.registry.options import PromotionOptions
    from tsforecast.registry.store import Registry, Version

OUTCOME = "retraining.json"  # in the folder of a retraining run
WAITING = "waiting"  # outcome of a run whose version is stored and not yet promoted
Outcome = dict[str, Any]


def wait_for_shadow(version: Version, summary: str, days: float) -> Outcome:
    """Return the outcome of a run whose version must be a shadow first.

    Args:
        version: The version.
        summary: How it did on held-out days.
        days: Days that are asked for.
    """
    why = (
        f"{version.name} passed the gate ({summary}) and is stored; promotion.shadow_days asks for {days:g} days as a"
        f" shadow first: run job=serve serve.shadow={version.name}."
    )
    return {"outcome": WAITING, "why": why, "version": version.name}


def settle_waiting(registry: Registry, champion: Version, options: PromotionOptions) -> Outcome | None:
    """Promote the version that waits to replace a champion, once it has been a shadow long enough and was no worse.

    Args:
        registry: The registry.
        champion: The champion.
        options: Days that are asked for, and the journal of the service.

    Returns:
        The outcome of the run that made the version; None if none is waiting.
    """
    waiting = _find_waiting(registry, champion)
    if waiting is None:
        return None
    version, path, stored = waiting
    try:
        check_shadow(registry, version.name, options)
    except UserError as error:
        return {**stored, "why": str(error)}
    worse = _find_worse(registry, version, champion.name, options) if options.shadow_days else None
    if worse is None:
        days = f"after {options.shadow_days:g} days as a shadow"
        registry.promote(version.name, f"retrained, and no worse {days}")
        why = f"{version.name} replaces {champion.name} {days}."
        decision = {"outcome": "promoted", "why": why}
    else:
        decision = {"outcome": "refused", "why": worse}
    outcome = {**stored, **decision, "champion": registry.champion_name()}
    write_json(path, outcome)
    return outcome


def _find_waiting(registry: Registry, champion: Version) -> tuple[Version, Path, Outcome] | None:
    """Return the newest version of a champion's retraining that waits, the file of its outcome, and the outcome."""
    for version in reversed(registry.versions()):
        lineage = version.manifest["lineage"]
        if lineage.get("kind") == "retraining" and lineage.get("parent") == champion.name:
            path = Path(lineage["run"]) / OUTCOME
            stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            if stored.get("outcome") == WAITING:
                return version, path, stored
    return None


def _find_worse(registry: Registry, version: Version, champion: str, options: PromotionOptions) -> str | None:
    """Return in which target a version was worse than the champion as its shadow; None if in none."""
    scores = read_shadow_scores(journal_path(registry.path, options.journal), version, champion)
    unit = load_metadata(version.model).get("unit") or ""
    for target, (count, shadow, other) in scores.errors.items():
        if shadow > other:
            return (
                f"{version.name} was worse as a shadow: RMSE {format_value(shadow, unit)} for {target} in {count:,}"
                f" forecasts, {champion} {format_value(other, unit)}."
            )
    return None
