"""What trackers get of changes in the registry: retraining runs, and the champion."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tsforecast.errors import UserError
from tsforecast.tracking.current import current_tracker
from tsforecast.tracking.run_records import model_artifact

if TYPE_CHECKING:
    from tsforecast.registry.store import Version

FACTS = ("outcome", "why", "champion", "rows", "new_rows", "seconds")


def report_retraining(outcome: Mapping[str, Any], version: Version) -> None:
    """Report the outcome of a retraining run: an alert if it was refused, the new champion if it was promoted.

    Args:
        outcome: What ``retrain_champion`` returned.
        version: The champion afterwards.
    """
    tracker, compared = current_tracker(), outcome.get("compared") or {}
    facts = {key: outcome.get(key) for key in FACTS}
    for name in ("champion", "challenger"):
        facts |= {f"{name}/{key}": value for key, value in (compared.get(name) or {}).items()}
    tracker.summary(facts)
    if outcome["outcome"] == "refused":
        title = "Damaged data" if outcome.get("faults") else "Retraining refused"
        tracker.alert(title, f"{outcome['champion']} stays: {outcome['why']}")
    elif outcome["outcome"] == "promoted":
        report_champion(version)


def report_champion(version: Version) -> None:
    """Report the version that is now the champion."""
    tracker = current_tracker()
    tracker.summary({"champion": version.name, "model": version.manifest.get("model")})
    models = [version.path / name for name in version.manifest["files"] if name.startswith("model.")]
    artifact = model_artifact(version.result(), models, champion=version.name)
    tracker.artifact(dataclasses.replace(artifact, replaces=_champion_before(version)))


def _champion_before(version: Version) -> str | None:
    """Return the name, as an artifact, of the model that a champion took over from; None if it is not known."""
    from tsforecast.registry.store import Registry

    try:
        registry = Registry(version.path.parents[1])
        names = [move["version"] for move in registry.moves()]
        if names[-1:] != [version.name] or len(names) < 2:
            return None
        return model_artifact(registry.version(names[-2]).result(), []).name
    except (
        UserError,
        OSError,
        ValueError,
        KeyError,
    ):  # the promotion is done, whatever became of the earlier version
        return None


def report_replay(result: Mapping[str, Any]) -> None:
    """Report the days of a replay, one row each, and its totals."""
    tracker = current_tracker()
    for number, day in enumerate(result["days"]):
        tracker.log(
            {key: value for key, value in day.items() if isinstance(value, (int, float))}, step=number
        )
    tracker.summary({key: value for key, value in result.items() if key != "days"})
