"""Alarms on a quiet year, delays of planted faults, and anomaly scores: ``python -m benchmarks.monitoring``.

The last year of household power is replayed through ``tsforecast.monitoring``. Everything is learned from the rows
before that year: profiles and relations from training rows, thresholds from training and validation rows. A LightGBM
model, one minute ahead, provides residuals. ``--split val`` replays the validation rows in the same way, for choices.
"""

import argparse
import time
from collections import Counter
from pathlib import Path

import numpy as np
import yaml

from benchmarks.anomalies import score_anomalies
from benchmarks.control_chart import ControlChart
from benchmarks.faults import FAULTS, SMOOTHING, plant_fault
from benchmarks.household import DAY, Household
from tsforecast.inference.intervals import AdaptiveIntervals
from tsforecast.monitoring.monitor import Monitor, Promise, Reference
from tsforecast.monitoring.options import AlarmOptions, WebhookOptions
from tsforecast.monitoring.reference import InputReference
from tsforecast.monitoring.truths import ResidualReference, Truths

STEP, HOUR = 60, 3600
HISTORY = 14 * DAY  # rows of a planted fault
WINDOWS = 50_000  # newest validation windows that residuals are learned from, as at the end of a training run
PIECE = 7 * DAY
CONFIG = Path(__file__).parents[1] / "conf" / "job" / "serve.yaml"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plantings", type=int, default=12, help="times at which each fault is planted")
    parser.add_argument("--split", choices=["val", "test"], default="test", help="rows to replay")
    parser.add_argument("--per-week", type=float, default=None, help="false alarms; default: serve.alarms")
    parser.add_argument(
        "--parts", nargs="*", default=["faults", "anomalies"], choices=["faults", "anomalies"]
    )
    arguments = parser.parse_args()
    began = time.process_time()
    household = Household(arguments.split)
    if "faults" in arguments.parts:
        Replay(household, read_options(arguments.per_week)).run(arguments.plantings)
    if "anomalies" in arguments.parts:
        score_anomalies(household)
    print(f"\nProcessor time: {time.process_time() - began:.0f} s.")


def read_options(per_week=None):
    values = yaml.safe_load(CONFIG.read_text())["serve"]["alarms"]
    values["webhook"] = WebhookOptions(**values["webhook"])
    if per_week is not None:
        values["false_alarms_per_week"] = per_week
    return AlarmOptions(**values)


class Replay:
    """A monitor that is fed the rows, and copies of it that are fed planted faults."""

    def __init__(self, household, options):
        self.data, self.options = household, options
        self.reference, self.promise = self._learn()
        self.monitor, self.intervals = self._monitor(), self._start_intervals()
        self.charts = {
            "3-sigma chart": ControlChart(household),
            "same chart, wider": ControlChart(household, options.false_alarms_per_week),
        }
        self.alarms, self.delays = [], {}

    def run(self, plantings):
        data, rng = self.data, np.random.default_rng(0)
        times = np.linspace(data.first + DAY, data.last - HISTORY - DAY, plantings).astype(int)
        position = data.first
        for start in (times + rng.integers(0, DAY, plantings)).tolist():
            self._feed(position, start)
            self._plant_all(start, rng)
            position = start
        self._feed(position, data.last)
        self._print_false_alarms()
        self._print_delays()

    def _feed(self, start, stop):
        for first in range(start, stop, PIECE):
            changes = self._add(self.monitor, self.intervals, slice(first, min(first + PIECE, stop)))
            self.alarms += changes

    def _add(self, monitor, intervals, rows, with_truths=True):
        """Feed rows; returns the alarms raised and ended."""
        changes = monitor.add_rows(self.data.seconds[rows], self.data.values[rows])
        if with_truths:
            residual = self.data.residuals(rows)[:, None]
            naive = np.abs(np.diff(self.data.values[rows.start - 1 : rows.stop, 0]))[:, None]
            inside = cover(residual, intervals)
            forecast = self.data.values[rows, :1] - residual
            changes += monitor.add_truths(Truths(self.data.seconds[rows], forecast, residual, naive, inside))
        return changes

    def _plant_all(self, start, rng):
        rows, half = slice(start, start + HISTORY), SMOOTHING // 2
        original = self.data.values[rows].copy()
        around = self.data.values[start - half : start + HISTORY + half].copy()
        clean = self._alarms_on_copy(rows, with_truths=True)
        for fault in FAULTS:
            for feature, name in enumerate(self.data.features):
                self.data.values[rows] = plant_fault(fault, original, around, feature, rng)
                found = self._alarms_on_copy(rows, with_truths=feature == 0) - clean
                times = [time for kind, where, time in found if where == name]
                delay = (min(times) - int(self.data.seconds[start])) / HOUR if times else np.inf
                self.delays.setdefault(("alarms", fault, feature), []).append(delay)
                for label, chart in self.charts.items():
                    delay = chart.find(rows, feature)
                    self.delays.setdefault((label, fault, feature), []).append(delay)
        self.data.values[rows] = original

    def _alarms_on_copy(self, rows, with_truths):
        """Kind, feature and start of the alarms that a copy of the monitor raises on these rows."""
        monitor, intervals = self._monitor(), self._start_intervals()
        monitor.restore(self.monitor.to_dict())
        intervals.restore(self.intervals.to_bytes())
        changes = self._add(monitor, intervals, rows, with_truths)
        return {
            (alarm.kind, alarm.feature, alarm.start)
            for alarm in changes
            if alarm.end is None and alarm.severity != "info"
        }

    def _monitor(self):
        return Monitor(self.reference, self.promise, self.options, step=STEP, local=lambda seconds: seconds)

    def _learn(self):
        data = self.data
        training_end = int(data.seconds[data.fitted])
        inputs = InputReference.fit(
            data.features, STEP, data.pieces, training_end, local=lambda seconds: seconds
        )
        validation = slice(data.fitted, data.first)
        residuals = data.residuals(validation)
        naive = np.abs(np.diff(data.values[validation.start - 1 : validation.stop, 0]))
        known = np.isfinite(residuals) & np.isfinite(naive)
        share = np.abs(residuals[known]).mean() / naive[known].mean()
        self.newest = residuals[-WINDOWS:]
        learned = ResidualReference.fit(
            data.seconds[validation][-WINDOWS:], self.newest[:, None], STEP, lambda seconds: seconds
        )
        return Reference(inputs, learned), Promise(data.features[:1], np.array([share]), 0.9)

    def _start_intervals(self):
        intervals = AdaptiveIntervals(1, 1, coverage=0.9, rate=0.005, memory=1000)
        newest = self.newest[-1000:].reshape(-1, 1, 1)
        intervals.calibrate(np.zeros_like(newest), np.zeros_like(newest), newest)
        return intervals

    def _print_false_alarms(self):
        weeks = (self.data.last - self.data.first) / (7 * DAY)
        raised = Counter(alarm.kind for alarm in self.alarms if alarm.end is None)
        print(
            f"## Alarms on {weeks:.0f} quiet weeks, `false_alarms_per_week={self.options.false_alarms_per_week:g}`\n"
        )
        print("| kind | alarms | per week |\n|---|---:|---:|")
        for kind, count in sorted(raised.items(), key=lambda item: -item[1]):
            print(f"| {kind} | {count} | {count / weeks:.2f} |")
        drift = sum(raised[kind] for kind in ("level", "noise", "relation"))
        print(f"| **inputs: level, noise, relation** | {drift} | {drift / weeks:.2f} |")
        for label, chart in self.charts.items():
            print(f"| {label}, {chart.width:.1f} sigma | {chart.runs} | {chart.runs / weeks:.2f} |")

    def _print_delays(self):
        count = len(next(iter(self.delays.values())))
        print(
            f"\n## Delay until a fault is found, median of {count} plantings; share found within 14 days below 100 %"
        )
        for label in ("alarms", *self.charts):
            print(
                f"\n| {label} | {' | '.join(self.data.features)} |\n|---|{'---:|' * len(self.data.features)}"
            )
            for fault in FAULTS:
                delays = [self.delays[label, fault, feature] for feature in range(len(self.data.features))]
                print(f"| {fault} | {' | '.join(map(describe_delays, delays))} |")


def describe_delays(delays):
    """The median delay, and the share found if that is not all of them, as in ``3.5 h (92 %)``."""
    median, share = float(np.median(delays)), 100 * float(np.isfinite(delays).mean())
    if not np.isfinite(median):
        return f"– ({share:.0f} %)"
    text = (
        f"{60 * median:.0f} min"
        if median < 1
        else f"{median:.1f} h"
        if median < 48
        else f"{median / 24:.1f} d"
    )
    return text if share == 100 else f"{text} ({share:.0f} %)"


def cover(residual, intervals):
    """Whether truths ``[m, 1]`` are in their adaptive intervals, which learn from them hour by hour."""
    inside = np.empty_like(residual)
    for start in range(0, len(residual), 60):
        part = residual[start : start + 60, :, None]
        zero = np.zeros_like(part)
        lower, upper = intervals.bounds(zero, zero)
        hit = (part >= lower) & (part <= upper)
        inside[start : start + 60] = np.where(np.isnan(part), np.nan, hit)[..., 0]
        intervals.update(zero, zero, lower, upper, part)
    return inside


if __name__ == "__main__":
    main()
