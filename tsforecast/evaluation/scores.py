"""The scores of a model on the test split, next to those of the baselines, as ``result.json`` stores them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from tsforecast.data.dataset import ForecastDataset
from tsforecast.evaluation.evaluate import Evaluation, add_split, baselines, evaluate
from tsforecast.evaluation.interval_start import SCORED, add_coverage, calibrate_intervals
from tsforecast.evaluation.spikes import SpikeScores, spike_metrics, spike_scores
from tsforecast.metrics import skill
from tsforecast.metrics.series import owa
from tsforecast.stages import stage

if TYPE_CHECKING:
    from tsforecast.evaluation.options import SpikeOptions
    from tsforecast.models.protocol import Model


class Scores(TypedDict):
    """The fields of a `RunResult` with the scores of the test split."""

    metrics: dict[str, float]
    baselines: dict[str, dict[str, float]]
    skill: dict[str, float]
    targets: dict[str, dict[str, Any]] | None
    spikes: dict[str, Any]
    pit: dict[str, list[float]] | None
    series: dict[str, dict[str, float]] | None


@dataclasses.dataclass(frozen=True)
class TestScores:
    """A model and the baselines on the test split.

    Args:
        test: Forecasts and metrics of the model.
        baselines: Naive baseline to its forecasts and metrics, on the same windows.
        spikes: Target to its spike scorecard.
        calibration: Scores that the intervals of many series start with; None for one series.
    """

    __test__ = False  # not a test case

    test: Evaluation
    baselines: Mapping[str, Evaluation]
    spikes: Mapping[str, SpikeScores]
    calibration: bytes | None = None

    def to_fields(self) -> Scores:
        """Return the fields of a `RunResult`."""
        return {
            "metrics": add_split(self.test.figures | spike_metrics(self.spikes), "test"),
            "baselines": {name: add_split(one.figures, "test") for name, one in self.baselines.items()},
            "skill": {
                name: skill(self.test.figures["rmse"], baseline.figures["rmse"])
                for name, baseline in self.baselines.items()
            },
            "targets": {name: self._target_fields(name) for name in self.test.targets} or None,
            "spikes": dict(self.spikes),
            "pit": self.test.pit,
            "series": None if self.test.series is None else self.test.series.to_dict(),
        }

    def _target_fields(self, target: str) -> dict[str, Any]:
        model = self.test.targets[target]
        others = {name: baseline.targets[target] for name, baseline in self.baselines.items()}
        return {
            "metrics": add_split(model, "test"),
            "baselines": {name: add_split(figures, "test") for name, figures in others.items()},
            "skill": {name: skill(model["rmse"], figures["rmse"]) for name, figures in others.items()},
        }


def score_model(
    model: Model,
    dataset: ForecastDataset,
    spikes: SpikeOptions | None,
    *,
    test: Evaluation | None = None,
    validation: Evaluation | None = None,
) -> TestScores:
    """Score a model and the baselines on the test split.

    Args:
        model: The model.
        dataset: The data.
        spikes: What counts as a spike and as a hit; None for no spike scorecard.
        test: The model's forecasts of the test split, if already available.
        validation: The model's forecasts of the newest validation windows, if already available; see `spike_scores`.
    """
    with stage("test"):
        test = test or evaluate(model, dataset, "test")
    cards: dict[str, SpikeScores] = {}
    if spikes is not None:
        with stage("spike scorecard"):
            cards = spike_scores(
                model,
                dataset,
                test,
                min_gap=spikes.min_gap,
                tolerance=spikes.tolerance,
                max_false_alarms=spikes.max_false_alarms_per_day,
                validation=validation,
            )
    with stage("baselines"):
        references = baselines(dataset, "test")
    if "naive2" in references:
        naive2 = references["naive2"].figures
        references = {name: _add_owa(reference, naive2) for name, reference in references.items()}
        test = _add_owa(test, naive2)
    calibration = None
    if dataset.series.panel is not None:
        with stage("intervals"):
            calibration = calibrate_intervals(model, dataset, SCORED)
            test = add_coverage(test, dataset, calibration)
    return TestScores(test, references, cards, calibration)


def _add_owa(evaluation: Evaluation, naive2: Mapping[str, float]) -> Evaluation:
    """Return the scores of a panel with their OWA, given those of Naive2."""
    figures = evaluation.figures | {"owa": owa(evaluation.figures, naive2)}
    return dataclasses.replace(evaluation, figures=figures)
