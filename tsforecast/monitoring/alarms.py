"""Alarms: one sentence each, with a severity, a start and an end; at most one is open per kind, feature and series."""

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
        series: Name of the series; empty for a model of one series, and for an alarm of the whole service.

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
    series: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; ``series`` only if it has a name."""
        fields = asdict(self)
        if not self.series:
            del fields["series"]
        return fields


class AlarmLog:
    """How many alarms were raised, and the newest of those that ended; the books of many series share one.

    Args:
        keep: Number of ended alarms to keep.
    """

    def __init__(self, keep: int):
        self.ended: deque[Alarm] = deque(maxlen=keep)
        self.raised = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the alarms, for ``restore``."""
        return {"raised": self.raised, "ended": [alarm.to_dict() for alarm in self.ended]}

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self.raised = int(stored["raised"])
        self.ended.clear()
        self.ended.extend(Alarm(**fields) for fields in stored["ended"])


class AlarmBook:
    """Alarms that are open, and the newest of those that ended.

    Args:
        keep: Number of alarms to keep.
        series: Name of the series that its alarms are of; empty for a model of one series.
        log: What it shares with the books of other series; None: nothing.

    Example:
        >>> book = AlarmBook(keep=100)
        >>> book.raise_alarm("stuck", "voltage", time=60, text="voltage is stuck at 240.").number
        1
        >>> book.raise_alarm("stuck", "voltage", time=120, text="voltage is stuck at 240.") is None  # open already
        True
        >>> book.end_alarm("stuck", "voltage", time=180).end
        180
    """

    def __init__(self, keep: int, series: str = "", log: AlarmLog | None = None):
        self.series, self.log = series, AlarmLog(keep) if log is None else log
        self.open: dict[tuple[str, str], Alarm] = {}

    @property
    def ended(self) -> deque[Alarm]:
        """The alarms that ended last."""
        return self.log.ended

    def raise_alarm(
        self, kind: str, feature: str, *, time: int, text: str, figures: dict[str, float] | None = None
    ) -> Alarm | None:
        """Open an alarm and return it; None if one of that kind and feature is open already."""
        key = (kind, feature)
        if key in self.open:
            return None
        self.log.raised += 1
        text = f"'{self.series}': {text}" if self.series else text
        alarm = Alarm(self.log.raised, kind, feature, SEVERITY[kind], time, text, figures or {})
        self.open[key] = replace(alarm, series=self.series)
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
        """Return all alarms, for ``restore``; of a series with a name those that are open."""
        stored = {"open": [alarm.to_dict() for alarm in self.open.values()]}
        return stored if self.series else self.log.to_dict() | stored

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        if not self.series:
            self.log.restore(stored)
        self.open = {(fields["kind"], fields["feature"]): Alarm(**fields) for fields in stored["open"]}
