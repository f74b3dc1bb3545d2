"""Options of the context."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from tsforecast.options import Range


@dataclass(frozen=True, kw_only=True)
class ContextOptions:
    """Summaries of what precedes the look-back, as further inputs.

    Args:
        kind: ``none``; ``events``: when features last switched on and off, and how often they switched on; ``daily``:
            the same time one span ago, and mean, lowest and highest value of each span.
        channels: Features to summarize; None: all that are measured for ``events``, the targets for ``daily``.
        spans: Durations such as 1h or 7d; those of fewer than two rows are left out.
        rise: Change from one row to the next, in standard deviations of the training rows, above which a feature
            switches on or off.
        around: Durations before and after the time of day of the forecast, within which ``events`` counts surges of the
            targets on earlier days and weeks; None: not counted.
        weeks: Number of weeks over which they are counted.
        surge: Rise over the lead, in standard deviations of the training rows, above which a target surges.
    """

    kind: Literal["none", "events", "daily"]
    channels: Any  # a name, a list of names, or None
    spans: list[str]
    rise: Annotated[float, Range(0.0, 1000.0)]
    around: list[str] | None
    weeks: Annotated[int, Range(1, 520)]
    surge: Annotated[float, Range(0.0, 1000.0)]
