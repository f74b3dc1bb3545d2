"""Monitoring of forecasts once their truths are known: residual drift, errors, coverage, and anomalous readings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from tsforecast.monitoring.anomaly import AnomalyScorer, AnomalyScores
from tsforecast.monitoring.blocks import BlockBuilder
from tsforecast.monitoring.detectors.coverage import CoverageDetector
from tsforecast.monitoring.detectors.drift import ChartReference, DriftDetector, DriftOptions
from tsforecast.monitoring.detectors.promise import PromiseDetector
from tsforecast.monitoring.detectors.signal import Signal, Stateful
from tsforecast.monitoring.inputs import Finding, split_signal
from tsforecast.monitoring.options import AlarmOptions
from tsforecast.monitoring.reference import FITTING, FLOOR, Local
from tsforecast.monitoring.rounding import to_array, to_plain_list
from tsforecast.monitoring.streams import latch

STATISTICS = ("residual", "error")
COLUMNS = 4  # residual, its absolute value, that of persistence, inside
# Smallest scale of a residual's mean as a share of the typical error, and of the error's logarithm: few weeks of
# validation windows say little about seasons, and smaller drifts matter little. Chosen on validation rows.
MIN_SCALE = 0.5
MIN_SHARE = 0.1  # of the truths of a block, for its statistics to count
QUIET = 10  # readings without a flag that end an anomaly


class Scorer(Stateful, Protocol):
    """Scores the readings of one target."""

    def update(self, residuals: np.ndarray, forecasts: np.ndarray) -> AnomalyScores:
        """Add readings: truths less forecasts ``[m]``, NaN where unknown, and forecasts ``[m]``."""


class Truths(NamedTuple):
    """Forecasts of T targets and how they turned out, for m times.

    Args:
        seconds: Seconds ``[m]`` since 1970, rising.
        forecast: Forecasts ``[m, T]``; of several for one time, their mean.
        residual: Truth less forecast ``[m, T]``, NaN where unknown.
        naive: Absolute errors of persistence ``[m, T]``.
        inside: 1 where a truth is in its interval, 0 where not, NaN without one ``[m, T]``; shares of several.
    """

    seconds: np.ndarray
    forecast: np.ndarray
    residual: np.ndarray
    naive: np.ndarray
    inside: np.ndarray


class ResidualSummary(NamedTuple):
    """What residuals of T targets say before charts are fitted.

    Args:
        floor: Smallest error that counts ``[T]``.
        time: Second ``[n]`` at which each block begins.
        statistics: Residual and error ``[n, 2 T]`` of each block.
        min_scale: Smallest scales ``[2 T]`` of their profile.
        seconds: Seconds of one block.
    """

    floor: np.ndarray
    time: np.ndarray
    statistics: np.ndarray
    min_scale: np.ndarray
    seconds: int


@dataclass(frozen=True)
class ResidualReference:
    """Residuals of T targets on validation windows.

    Args:
        floor: Smallest error that counts ``[T]``.
        charts: Charts of residual and error, ``K = 2 T``.
    """

    floor: np.ndarray
    charts: ChartReference

    @property
    def typical(self) -> np.ndarray:
        """The mean absolute residual ``[T]`` of the validation windows."""
        typical: np.ndarray = self.floor / FLOOR
        return typical

    @classmethod
    def fit(cls, seconds: np.ndarray, residuals: np.ndarray, step: int, local: Local) -> "ResidualReference":
        """Fit profile and tails.

        Args:
            seconds: Second ``[n]`` of each truth, rising.
            residuals: Truth less forecast ``[n, T]``, NaN where unknown.
            step: Seconds from one truth to the next.
            local: Turns seconds into local ones.
        """
        summary = summarize_residuals(seconds, residuals, step)
        charts = ChartReference.fit(
            local(summary.time),
            summary.statistics,
            len(summary.time),
            summary.seconds,
            FITTING,
            min_scale=summary.min_scale,
        )
        return cls(summary.floor, charts)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"floor": to_plain_list(self.floor), "charts": self.charts.to_dict()}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "ResidualReference":
        """Read what ``to_dict`` returned."""
        return cls(to_array(stored["floor"]), ChartReference.from_dict(stored["charts"]))


def summarize_residuals(seconds: np.ndarray, residuals: np.ndarray, step: int) -> ResidualSummary:
    """Summarize residuals ``[n, T]`` of rising times, see ``ResidualReference.fit``."""
    count = residuals.shape[1]
    builder = BlockBuilder(step, 2 * count, MIN_SHARE)
    blocks = builder.add(seconds, np.concatenate([residuals, np.abs(residuals)], axis=1))
    known = np.isfinite(residuals)
    total = np.where(known, np.abs(residuals), 0.0).sum(axis=0)
    typical = np.maximum(total / np.maximum(known.sum(axis=0), 1), 1e-12)
    min_scale = MIN_SCALE * np.concatenate([typical, np.ones(count)])
    statistics = residual_statistics(blocks.mean, FLOOR * typical)
    return ResidualSummary(FLOOR * typical, blocks.time, statistics, min_scale, builder.seconds)


def residual_statistics(mean: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Return residual and error (a logarithm) of n blocks ``[n, 2 T]`` from means of both ``[n, 2 T]``."""
    count = len(floor)
    return np.concatenate([mean[:, :count], np.log(mean[:, count : 2 * count] + floor)], axis=1)


class TruthMonitor:
    """Runs all detectors of forecasts and their truths, for T targets.

    Args:
        step: Seconds from one truth to the next.
        promised: Mean absolute error as a share of persistence's ``[T]``, as evaluated, NaN where unknown.
        nominal: Nominal coverage of the intervals.
        options: What raises an alarm.
        local: Turns seconds into local ones.
        reference: Residuals of validation windows; None: drift of residuals is not monitored.
        scorers: What scores the readings of each target; None: scorers of their own.
    """

    def __init__(
        self,
        step: int,
        promised: np.ndarray,
        nominal: float,
        options: AlarmOptions,
        local: Local,
        reference: ResidualReference | None,
        scorers: Sequence[Scorer] | None = None,
    ):
        count = len(promised)
        self.local, self.reference = local, reference
        self.blocks = BlockBuilder(step, COLUMNS * count, MIN_SHARE)
        rows = max(1, self.blocks.seconds // step)
        chance = min(1.0, options.false_alarms_per_week / 7)  # each day is a trial
        self.coverage = CoverageDetector(count, nominal, options.coverage_tolerance, rows, chance)
        self.promise = PromiseDetector(promised, options.error_tolerance, rows)
        if scorers is None:
            scorers = [AnomalyScorer(options.anomaly_rate) for _ in range(count)]
        self.scorers = scorers
        self.p_values = np.full(count, np.nan)  # of the newest readings
        self._quiet = np.full(count, QUIET, np.int64)
        self._anomalous = np.zeros(count, bool)
        drift = DriftOptions(per_week=options.false_alarms_per_week)
        self.drift = None if reference is None else DriftDetector(reference.charts, drift, slice(count, None))

    def update(self, truths: Truths) -> list[Finding]:
        """Add truths."""
        residual = truths.residual
        findings = [("anomaly", truths.seconds, self._score(residual, truths.forecast))]
        columns = [residual, np.abs(residual), truths.naive, truths.inside]
        blocks = self.blocks.add(truths.seconds, np.concatenate(columns, axis=1))
        if len(blocks):
            _, error, persistence, coverage = np.split(blocks.mean, COLUMNS, axis=1)
            weights = np.split(blocks.observed, COLUMNS, axis=1)
            ends = blocks.time + self.blocks.seconds
            findings.append(("coverage", ends, self.coverage.update(coverage, weights[3])))
            findings.append(("promise", ends, self.promise.update(error, persistence, weights[1])))
            if self.drift is not None and self.reference is not None:
                values = residual_statistics(blocks.mean, self.reference.floor)
                signal = self.drift.update(self.local(blocks.time), values)
                findings += [(kind, ends, part) for kind, part in split_signal(signal, STATISTICS).items()]
        return findings

    def levels(self) -> dict[str, np.ndarray]:
        """Return the highest chart of each statistic and target, as a share of its threshold."""
        if self.drift is None:
            return {}
        return dict(zip(STATISTICS, self.drift.level.reshape(len(STATISTICS), -1), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return {
            "blocks": self.blocks.to_dict(),
            "coverage": self.coverage.to_dict(),
            "promise": self.promise.to_dict(),
            "scorers": [scorer.to_dict() for scorer in self.scorers],
            "quiet": self._quiet.tolist(),
            "anomalous": self._anomalous.tolist(),
            "drift": None if self.drift is None else self.drift.to_dict(),
        }

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self.blocks.restore(stored["blocks"])
        self.coverage.restore(stored["coverage"])
        self.promise.restore(stored["promise"])
        for scorer, state in zip(self.scorers, stored["scorers"], strict=True):
            scorer.restore(state)
        self._quiet = np.array(stored["quiet"], np.int64)
        self._anomalous = np.array(stored["anomalous"], bool)
        if self.drift is not None and stored["drift"] is not None:
            self.drift.restore(stored["drift"])

    def _score(self, residual: np.ndarray, forecast: np.ndarray) -> Signal:
        scores = [
            scorer.update(residual[:, target], forecast[:, target])
            for target, scorer in enumerate(self.scorers)
        ]
        p_values, flags = (
            np.stack([getattr(score, name) for score in scores], axis=1) for name in ("p_values", "flags")
        )
        position = np.arange(1, len(residual) + 1)[:, None]
        quiet = position - np.maximum.accumulate(np.where(flags, position, -self._quiet), axis=0)
        active = latch(flags, quiet >= QUIET, self._anomalous)
        self._quiet, self._anomalous, self.p_values = quiet[-1], active[-1], p_values[-1]
        return Signal(active, {"value": residual, "p_value": p_values})
