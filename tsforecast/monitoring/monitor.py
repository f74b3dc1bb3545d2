"""The monitor of one model in service: rows and truths in, alarms out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsforecast.monitoring.alarms import Alarm, AlarmBook
from tsforecast.monitoring.detectors.signal import Signal
from tsforecast.monitoring.inputs import Finding, InputMonitor
from tsforecast.monitoring.options import AlarmOptions
from tsforecast.monitoring.reference import InputReference, Local
from tsforecast.monitoring.rounding import to_array, to_plain_list
from tsforecast.monitoring.sentences import ALL, describe_alarm
from tsforecast.monitoring.truths import ResidualReference, Scorer, TruthMonitor, Truths

FILE = "monitoring.json"  # in a run's folder and in a version of the registry
NEVER = -(2**62)
MAX_GAP = 10_080  # rows that are counted as missing between two that arrive


@dataclass(frozen=True)
class Reference:
    """What a model in service is compared with.

    Args:
        inputs: Statistics of the rows that it was trained and validated on.
        residuals: Residuals of its validation windows, or None.
        promised: Mean absolute error of each target as a share of persistence's there; empty if it is not known.
    """

    inputs: InputReference
    residuals: ResidualReference | None = None
    promised: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        residuals = None if self.residuals is None else self.residuals.to_dict()
        promised = to_plain_list(np.array(self.promised))
        return {"inputs": self.inputs.to_dict(), "residuals": residuals, "promised": promised}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Reference":
        """Read what ``to_dict`` returned."""
        residuals = stored["residuals"]
        return cls(
            InputReference.from_dict(stored["inputs"]),
            None if residuals is None else ResidualReference.from_dict(residuals),
            tuple(to_array(stored["promised"]).tolist()),
        )


@dataclass(frozen=True)
class Promise:
    """What evaluation and options promised of T targets.

    Args:
        targets: Their names.
        error: Mean absolute error as a share of persistence's ``[T]``, NaN where unknown.
        coverage: Nominal coverage of the intervals.
    """

    targets: tuple[str, ...]
    error: np.ndarray
    coverage: float


class Monitor:
    """Watches one model.

    Args:
        reference: What it is compared with; None: neither drift nor sensors are monitored, only truths.
        promise: What was promised of its forecasts.
        options: What raises an alarm.
        step: Seconds from one row to the next.
        local: Turns seconds into local ones, of which hours and weekdays are taken.
        book: Alarms so far, of the model that was in service before; None: none.
        scorers: What scores the readings of each target, of one of many series; None: scorers of their own.

    Example:
        ::

            monitor = Monitor(reference, promise, options, step=60, local=lambda seconds: seconds)
            for alarm in monitor.add_rows(seconds, values):
                print(alarm.severity, alarm.text, "ended" if alarm.end else "open")
    """

    def __init__(
        self,
        reference: Reference | None,
        promise: Promise,
        options: AlarmOptions,
        *,
        step: int,
        local: Local,
        book: AlarmBook | None = None,
        scorers: Sequence[Scorer] | None = None,
    ):
        self.targets, self.step = promise.targets, step
        self.features = () if reference is None else reference.inputs.features
        self.book = AlarmBook(options.keep) if book is None else book
        self.inputs = None if reference is None else InputMonitor(reference.inputs, options, local)
        residuals = None if reference is None else reference.residuals
        self.truths = TruthMonitor(step, promise.error, promise.coverage, options, local, residuals, scorers)
        self._last_row = self._last_truth = NEVER
        self._seen = np.zeros(len(self.features), bool)

    def add_rows(self, seconds: np.ndarray, values: np.ndarray) -> list[Alarm]:
        """Add rows, and return the alarms that were raised or ended.

        Rows that are not newer than all before are ignored, as windows that overlap bring them; rows that are left out
        count as missing.

        Args:
            seconds: Seconds ``[m]`` since 1970, rising.
            values: Values ``[m, F]`` of ``features``, NaN where missing.
        """
        is_new = seconds > self._last_row
        seconds, values = seconds[is_new], np.asarray(values, np.float64)[is_new]
        if self.inputs is None or not len(seconds):
            return []
        seconds, values = self._fill_gaps(seconds, values)
        self._last_row = int(seconds[-1])
        self._seen |= np.isfinite(values).any(axis=0)
        return self._note(self.inputs.update(seconds, values), self.features)

    def add_truths(self, truths: Truths) -> list[Alarm]:
        """Add truths, and return the alarms that were raised or ended; those of earlier times are ignored."""
        is_new = truths.seconds > self._last_truth
        if not is_new.any():
            return []
        self._last_truth = int(truths.seconds[-1])
        return self._note(self.truths.update(Truths(*(part[is_new] for part in truths))), self.targets)

    def note_silence(self, seconds: float | None, time: int | None = None) -> list[Alarm]:
        """Raise the alarm that no row arrives, or end it if ``seconds`` is None.

        Args:
            seconds: Seconds since the newest row, by the clock.
            time: Second of the newest row, if this monitor is not the one that it was passed to.
        """
        figures = None if seconds is None else {"seconds": seconds}
        return self._set_alarm("silence", ALL, time or self.last_time or 0, figures)

    def add_spike(self, target: str, time: int, figures: dict[str, float] | None) -> list[Alarm]:
        """Raise the alarm of a forecast spike, or end it if ``figures`` is None.

        Args:
            target: Target that is forecast.
            time: Second of the last row that it is forecast from.
            figures: ``forecast`` and ``last`` value.
        """
        return self._set_alarm("spike", target, time, figures)

    @property
    def last_time(self) -> int | None:
        """Second of the newest row or truth; None before any."""
        newest = max(self._last_row, self._last_truth)
        return None if newest == NEVER else newest

    def end_unknown(self) -> list[Alarm]:
        """End the alarms, of a model before this one, of features and targets that this one does not have."""
        names = {*self.features, *self.targets, ALL}
        ended = [
            self.book.end_alarm(kind, name, time=alarm.start if self.last_time is None else self.last_time)
            for (kind, name), alarm in list(self.book.open.items())
            if name not in names
        ]
        return [alarm for alarm in ended if alarm is not None]

    def levels(self) -> dict[str, dict[str, float]]:
        """Return by statistic and feature how far the charts have risen: 1 raises an alarm."""
        levels = {} if self.inputs is None else _by_name(self.inputs.levels(), self.features)
        return levels | _by_name(self.truths.levels(), self.targets)

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return {
            "features": list(self.features),
            "targets": list(self.targets),
            "book": self.book.to_dict(),
            "inputs": None if self.inputs is None else self.inputs.to_dict(),
            "truths": self.truths.to_dict(),
            "last": [self._last_row, self._last_truth],
            "seen": self._seen.tolist(),
        }

    def restore(self, stored: dict[str, Any]) -> bool:
        """Restore what ``to_dict`` returned, if it is of the same features and targets; return whether it was."""
        if (stored["features"], stored["targets"]) != (list(self.features), list(self.targets)):
            return False
        self.book.restore(stored["book"])
        if self.inputs is not None and stored["inputs"] is not None:
            self.inputs.restore(stored["inputs"])
        self.truths.restore(stored["truths"])
        self._last_row, self._last_truth = stored["last"]
        self._seen = np.array(stored["seen"], bool)
        return True

    def _fill_gaps(self, seconds: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        before = np.concatenate([[self._last_row], seconds[:-1]])
        left_out = np.clip((seconds - before + self.step // 2) // self.step - 1, 0, MAX_GAP)
        if self._last_row == NEVER:
            left_out[0] = 0
        if not left_out.any():
            return seconds, values
        position = np.arange(len(seconds)) + np.cumsum(left_out)
        filled = np.full((int(position[-1]) + 1, values.shape[1]), np.nan)
        filled[position] = values
        index = np.arange(len(filled))
        following = np.searchsorted(position, index)
        return seconds[following] - (position[following] - index) * self.step, filled

    def _note(self, findings: list[Finding], names: tuple[str, ...]) -> list[Alarm]:
        changes: list[Alarm] = []
        transitions = [
            (int(seconds[row]), kind, name, int(row), column, signal)
            for kind, seconds, whole in findings
            for signal, labels in self._merge_missing(kind, whole, names)
            for column, name in enumerate(labels)
            for row in self._transitions(kind, name, signal.active[:, column])
        ]
        for time, kind, name, row, column, signal in sorted(transitions, key=lambda item: item[0]):
            figures = None
            if signal.active[row, column]:
                figures = {key: float(value[row, column]) for key, value in signal.figures.items()}
            changes += self._set_alarm(kind, name, time, figures)
        return changes

    def _set_alarm(self, kind: str, name: str, time: int, figures: dict[str, float] | None) -> list[Alarm]:
        """Raise an alarm, or end it if ``figures`` is None; return what changed."""
        if figures is None:
            change = self.book.end_alarm(kind, name, time=time)
        else:
            text = describe_alarm(kind, name, figures, self.step)
            known = {key: value for key, value in figures.items() if np.isfinite(value)}
            change = self.book.raise_alarm(kind, name, time=time, text=text, figures=known)
        return [] if change is None else [change]

    def _transitions(self, kind: str, name: str, active: np.ndarray) -> np.ndarray:
        before = np.concatenate([[(kind, name) in self.book.open], active[:-1]])
        return np.flatnonzero(active != before)

    def _merge_missing(
        self, kind: str, signal: Signal, names: tuple[str, ...]
    ) -> list[tuple[Signal, tuple[str, ...]]]:
        """Return a signal with its names; where all features are missing that is one condition, not one per feature.

        A feature that was never seen is not sent, rather than missing: truths alone may be sent.
        """
        if kind != "missing":
            return [(signal, names)]
        active = signal.active & self._seen
        if self._seen.sum() < 2:
            return [(signal._replace(active=active), names)]
        together = np.asarray(signal.active.all(axis=1, keepdims=True))
        first = int(self._seen.argmax())
        figures = {key: value[:, [first]] for key, value in signal.figures.items()}
        return [(Signal(together, figures), (ALL,)), (signal._replace(active=active & ~together), names)]


def _by_name(levels: dict[str, np.ndarray], names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    return {kind: dict(zip(names, values.tolist(), strict=True)) for kind, values in levels.items()}
