"""Scores of an ensemble, its members, all weightings and the references on the same windows."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.windows import Windows
from tsforecast.ensemble.fitting import ValidationOutputs
from tsforecast.ensemble.members import Member
from tsforecast.ensemble.model import Ensemble, Outputs
from tsforecast.ensemble.window_outputs import WindowOutputs, select_points
from tsforecast.evaluation.evaluate import Evaluation, baselines, evaluate, score_forecasts
from tsforecast.evaluation.options import SpikeOptions
from tsforecast.evaluation.spikes import ALARM_WINDOWS, spike_scores
from tsforecast.inference.compiled import name_outputs
from tsforecast.inference.forecasts import spike_probability
from tsforecast.inference.predict import forward
from tsforecast.metrics.window_errors import WindowErrors
from tsforecast.models.io import load_model

Kind = Literal["ensemble", "member", "weighting", "reference", "baseline"]


@dataclasses.dataclass(frozen=True)
class ForecasterScore:
    """The score of one forecaster on the test split.

    Args:
        name: Name of the forecaster.
        kind: Its part in the comparison.
        test: Its evaluation.
        errors: Its errors window by window.
        spikes: Spike scorecard by target; None if it has no alarm level.
        params: Number of parameters; None if it has none of its own.
    """

    name: str
    kind: Kind
    test: Evaluation
    errors: WindowErrors
    spikes: dict[str, Any] | None = None
    params: int | None = None

    @property
    def rmse(self) -> float:
        """Test RMSE in the target's unit."""
        return self.test.figures["rmse"]


@dataclasses.dataclass(frozen=True)
class EnsembleScores:
    """The scores of an ensemble and of everything that it is compared with.

    Args:
        model: The finished ensemble.
        test: Its evaluation on the test split.
        validation: Its evaluation on the newest validation windows.
        forecasters: Scores of all forecasters, the ensemble first.
        weights: Weights ``[n, M]`` of the test windows.
        members: Scaled point forecasts of the members for the test windows, ``[n, M, H, T]``.
        windows: The n test windows.
    """

    model: Ensemble
    test: Evaluation
    validation: Evaluation
    forecasters: list[ForecasterScore]
    weights: np.ndarray
    members: np.ndarray
    windows: Windows

    def select(self, kind: Kind) -> list[ForecasterScore]:
        """Return the scores of one kind."""
        return [score for score in self.forecasters if score.kind == kind]

    @property
    def best_member(self) -> ForecasterScore:
        """The member with the lowest test RMSE."""
        return min(self.select("member"), key=lambda score: score.rmse)


def score_ensemble(
    dataset: ForecastDataset,
    ensembles: Mapping[str, Ensemble],
    chosen: str,
    members: Sequence[Member],
    references: Sequence[Member],
    validation: ValidationOutputs,
    tuned: Ensemble | None,
    spike: SpikeOptions,
) -> EnsembleScores:
    """Score an ensemble, its members, all weightings, references and naive baselines on the test split.

    Args:
        dataset: Data of the run.
        ensembles: Ensembles of the same members by their weighting, with fitted weights.
        chosen: Weighting of the ensemble that the run ends with.
        members: The members.
        references: Models that are compared with the ensemble and are not a part of it.
        validation: Outputs of the chosen ensemble on the validation windows.
        tuned: The fine-tuned ensemble if it was kept, else None.
        spike: What counts as a spike.
    """
    model, windows = ensembles[chosen], dataset.windows("test")
    longer = model.add_warm_up(windows)
    print(f"forecasting {len(windows):,} test windows with every member", flush=True)
    outputs = forward(model, longer)
    newest = _take_newest(outputs, len(windows))
    scorer = _Scorer(dataset, model, spike)
    forecasters = scorer.score_members(members, windows, newest, validation)
    weighted = {name: ensemble.reweight(outputs, longer) for name, ensemble in ensembles.items()}
    forecasters += scorer.score_weightings(weighted, windows)
    forecasters += scorer.score_references(references)
    forecasters += [scorer.score(name, "baseline", test) for name, test in baselines(dataset, "test").items()]
    if tuned is None:
        final = newest | _take_newest(weighted[chosen], len(windows))
        alarms = scorer.evaluate_validation(validation, warm_up=len(longer) - len(windows))
    else:
        final = tuned.predict_over_time(windows, lambda more: forward(tuned, more))
        alarms = evaluate(tuned, dataset, "val", newest=ALARM_WINDOWS)
    model, test = tuned or model, scorer.evaluate_outputs(windows, final)
    forecasters.insert(0, scorer.score("ensemble", "ensemble", test, alarms, model.count_params()))
    points = select_points(newest["members"], model.task.quantile_levels)
    return EnsembleScores(model, test, alarms, forecasters, final["weights"], points, windows)


class _Scorer:
    """Scores forecasters on one dataset."""

    def __init__(self, dataset: ForecastDataset, model: Ensemble, spike: SpikeOptions):
        self.dataset, self.model, self.spike = dataset, model, spike

    def evaluate_outputs(self, windows: Windows, outputs: Outputs) -> Evaluation:
        """Return the evaluation of outputs for windows."""
        spike = spike_probability(outputs["spike"]) if "spike" in outputs else None
        levels = self.model.task.quantile_levels
        return score_forecasts(self.dataset, windows, outputs["forecast"], levels, spike)

    def evaluate_validation(self, validation: ValidationOutputs, warm_up: int) -> Evaluation:
        """Evaluate the ensemble on the newest validation windows, with ``warm_up`` windows before them."""
        outputs = validation.outputs
        outputs = outputs.slice(max(len(outputs) - ALARM_WINDOWS - warm_up, 0))
        result = outputs.outputs | self.model.reweight(outputs.outputs, outputs.windows)
        windows = _select_alarm_windows(validation).windows
        return self.evaluate_outputs(windows, _take_newest(result, len(windows)))

    def score_members(
        self, members: Sequence[Member], windows: Windows, outputs: Outputs, validation: ValidationOutputs
    ) -> list[ForecasterScore]:
        """Score the members from the ensemble's outputs for the test and the validation windows."""
        alarms = _select_alarm_windows(validation)
        scores = []
        for index, member in enumerate(members):
            test = self.evaluate_outputs(windows, _select_member(self.model, outputs, index))
            own_alarms = _select_member(self.model, alarms.outputs, index)
            alarm_level = self.evaluate_outputs(alarms.windows, own_alarms)
            params = self.model.members[index].count_params()
            scores.append(self.score(member.name, "member", test, alarm_level, params))
        return scores

    def score_weightings(self, weighted: Mapping[str, Outputs], windows: Windows) -> list[ForecasterScore]:
        """Score the combined forecasts of every weighting; the spike head is the same for all, and left out."""
        scores = []
        for name, outputs in weighted.items():
            forecast = {"forecast": outputs["forecast"][-len(windows) :]}
            scores.append(self.score(name, "weighting", self.evaluate_outputs(windows, forecast)))
        return scores

    def score_references(self, references: Sequence[Member]) -> list[ForecasterScore]:
        """Load and score the references."""
        scores = []
        for reference in references:
            model = load_model(reference.folder.best)
            dataset = dataclasses.replace(self.dataset, inputs=self.dataset.inputs[:, : model.task.channels])
            validation = evaluate(model, dataset, "val", newest=ALARM_WINDOWS)
            test = evaluate(model, dataset, "test")
            scores.append(self.score(reference.name, "reference", test, validation, model.count_params()))
        return scores

    def score(
        self,
        name: str,
        kind: Kind,
        test: Evaluation,
        validation: Evaluation | None = None,
        params: int | None = None,
    ) -> ForecasterScore:
        """Return a score, with a spike scorecard if there are validation windows to choose the alarm level on."""
        errors, spikes = WindowErrors.from_forecasts(test.ends, test.truth, test.forecast), None
        if validation is not None and self.dataset.ranges is None:
            spikes = spike_scores(
                self.model,
                self.dataset,
                test,
                min_gap=self.spike.min_gap,
                tolerance=self.spike.tolerance,
                max_false_alarms=self.spike.max_false_alarms_per_day,
                validation=validation,
            )
        return ForecasterScore(name, kind, test, errors, spikes, params)


def _select_alarm_windows(validation: ValidationOutputs) -> WindowOutputs:
    outputs = validation.outputs
    return outputs.slice(max(len(outputs) - ALARM_WINDOWS, 0))


def _take_newest(outputs: Outputs, count: int) -> Outputs:
    return {name: values[-count:] for name, values in outputs.items()}


def _select_member(model: Ensemble, outputs: Outputs, index: int) -> Outputs:
    """Return one member's own outputs."""
    result = {"forecast": outputs["members"][:, index]}
    with_spike_head = [
        number for number, member in enumerate(model.members) if "spike" in name_outputs(member.output)
    ]
    if index in with_spike_head:
        result["spike"] = outputs["member_spikes"][:, with_spike_head.index(index)]
    return result
