"""Alarms: one sentence each, with a severity, a start and an end; at most one is open per kind and feature."""

from collections import deque
from dataclasses import asdict, dataclass, field, replace
from typing import Any

SEVERITIES = ("info", "warning", "critical")
SEVERITY = {
    "silence": "critical",
    "missing": "critical",
    "stuck": "critical",
    "range": "critical",
    "level": "warning",
    "noise": "warning",
    "relation": "warning",
    "residual": "warning",
    "error": "warning",
    "coverage": "warning",
    "promise": "warning",
    "anomaly": "info",
    "spike": "info",
}  # by kind


@dataclass(frozen=True)
class Alarm:
    """One alarm.

    Args:
        number: Number, counting from 1.
        kind: What is wrong, a key of ``SEVERITY``.
        feature: Feature that it concerns.
        severity: ``info``, ``warning`` or ``critical``.
        start: Second since 1970, of the data, at which it was raised.
        text: One sentence.
        figures: Figures behind the sentence.
        end: Second at which it ended; None while it is open.

    Example:
        >>> Alarm(1, "stuck", "voltage", "critical", 0, "voltage is stuck at 240.").end is None
        True
    """

    number: int
    kind: str
    feature: str
    severity: str
    start: int
    text: str
    figures: dict[str, float] = field(default_factory=dict)
    end: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


class AlarmBook:
    """Alarms that are open, and the newest of those that ended.

    Args:
        keep: Number of alarms to keep.

    Example:
        >>> book = AlarmBook(keep=100)
        >>> book.raise_alarm("stuck", "voltage", time=60, text="voltage is stuck at 240.").number
        1
        >>> book.raise_alarm("stuck", "voltage", time=120, text="voltage is stuck at 240.") is None  # open already
        True
        >>> book.end_alarm("stuck", "voltage", time=180).end
        180
    """

    def __init__(self, keep: int):
        self.open: dict[tuple[str, str], Alarm] = {}
        self.ended: deque[Alarm] = deque(maxlen=keep)
        self.raised = 0

    def raise_alarm(
        self, kind: str, feature: str, *, time: int, text: str, figures: dict[str, float] | None = None
    ) -> Alarm | None:
        """Open an alarm and return it; None if one of that kind and feature is open already."""
        key = (kind, feature)
        if key in self.open:
            return None
        self.raised += 1
        self.open[key] = Alarm(self.raised, kind, feature, SEVERITY[kind], time, text, figures or {})
        return self.open[key]

    def end_alarm(self, kind: str, feature: str, *, time: int) -> Alarm | None:
        """End an alarm and return it; None if none of that kind and feature is open."""
        alarm = self.open.pop((kind, feature), None)
        if alarm is None:
            return None
        alarm = replace(alarm, end=time)
        self.ended.append(alarm)
        return alarm

    def newest(self, count: int) -> list[Alarm]:
        """Return open alarms, then those that ended last; each group newest first."""
        opened = sorted(self.open.values(), key=lambda alarm: -alarm.number)
        return [*opened, *reversed(self.ended)][:count]

    def to_dict(self) -> dict[str, Any]:
        """Return all alarms, for ``restore``."""
        return {
            "raised": self.raised,
            "open": [alarm.to_dict() for alarm in self.open.values()],
            "ended": [alarm.to_dict() for alarm in self.ended],
        }

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self.raised = int(stored["raised"])
        self.open = {(fields["kind"], fields["feature"]): Alarm(**fields) for fields in stored["open"]}
        self.ended.clear()
        self.ended.extend(Alarm(**fields) for fields in stored["ended"])
