"""How a version did as the shadow of the service, and whether that is long enough to promote it."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tsforecast.errors import UserError
from tsforecast.journal.database import has_series, journal_path, read_journal
from tsforecast.metrics.formatting import format_value
from tsforecast.models.io import load_metadata

if TYPE_CHECKING:
    from tsforecast.registry.options import PromotionOptions
    from tsforecast.registry.store import Registry, Version

DAY = 86_400
STEPS = """SELECT COUNT(DISTINCT scores.time) FROM scores JOIN forecasts ON forecasts.id = scores.forecast
 WHERE scores.version=? AND forecasts.shadow AND scores.learned"""
ERRORS = """SELECT s.target, COUNT(*), AVG((s.value - s.truth) * (s.value - s.truth)),
 AVG((c.value - c.truth) * (c.value - c.truth)) FROM scores s
 JOIN scores c ON c.version=? AND c.time=s.time AND c.step=s.step AND c.target=s.target AND c.learned{series}
 WHERE s.version=? AND s.learned GROUP BY s.target"""


@dataclass(frozen=True)
class ShadowScores:
    """Scores of a version as shadow, and of the champion at the same times.

    Args:
        days: Days of time steps for which forecasts of the shadow have been scored.
        errors: For each target, its number of forecasts by both, and the RMSE of shadow and champion.
    """

    days: float
    errors: dict[str, tuple[int, float, float]]


def read_shadow_scores(path: Path, version: Version, champion: str) -> ShadowScores:
    """Return how a version did as shadow.

    Args:
        path: The journal of the service.
        version: The version.
        champion: Name of the champion.

    Raises:
        UserError: There is no journal.
    """
    metadata = load_metadata(version.model)
    with closing(read_journal(path)) as connection:
        (steps,) = connection.execute(STEPS, (version.name,)).fetchone()
        same = " AND c.series=s.series" if has_series(connection, "scores") else ""
        rows = connection.execute(ERRORS.format(series=same), (champion, version.name)).fetchall()
    errors = {
        metadata["targets"][target]: (count, math.sqrt(shadow), math.sqrt(other))
        for target, count, shadow, other in rows
    }
    return ShadowScores(steps * metadata["step_seconds"] / DAY, errors)


def check_shadow(registry: Registry, name: str, options: PromotionOptions) -> str:
    """Refuse the promotion of a version that has not been the shadow long enough.

    Args:
        registry: Registry with the version.
        name: Name of the version.
        options: Days that are asked for, and the journal.

    Returns:
        A line for each target on how it did; none if nothing is asked for or there is no champion yet.

    Raises:
        UserError: It has too few scores.
    """
    champion = registry.champion_name()
    if not options.shadow_days or champion in (None, name):
        return ""
    version = registry.version(name)
    path = journal_path(registry.path, options.journal)
    is_new = options.journal is None and not path.is_file()  # no service has run yet
    scores = ShadowScores(0.0, {}) if is_new else read_shadow_scores(path, version, str(champion))
    if scores.days < options.shadow_days:
        raise UserError(
            f"{name} is registered and has {scores.days:.2f} days of scores as a shadow, and promotion.shadow_days asks"
            f" for {options.shadow_days:g}: run job=serve serve.shadow={name} longer, or ask for less."
        )
    unit = load_metadata(version.model).get("unit") or ""
    return "".join(
        f"{target} in {count:,} forecasts as a shadow: RMSE {format_value(shadow, unit)}, {champion}"
        f" {format_value(other, unit)}.\n"
        for target, (count, shadow, other) in scores.errors.items()
    )
