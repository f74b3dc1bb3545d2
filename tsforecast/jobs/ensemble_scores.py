"""Every member, weighting and reference of an ensemble on the same windows."""

import dataclasses
from typing import Any

import numpy as np

from tsforecast.config import Config
from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.windows import Windows
from tsforecast.jobs.ensemble_members import Member
from tsforecast.metrics.window_errors import WindowErrors
from tsforecast.models.io import load_model


@dataclasses.dataclass(frozen=True)
class Stretches:
    """The ensemble's outputs on the validation rows.

    Args:
        whole: a ``training.ensemble_weights.Stretch`` of all their windows.
        cut: the first window of the held-out part.
        held_loss: of the weighted forecast on that part.
    """

    whole: Any
    cut: int
    held_loss: float


@dataclasses.dataclass(frozen=True)
class Line:
    """One forecaster's score on the test split.

    Args:
        name: of it.
        kind: ``ensemble``, ``member``, ``weighting``, ``reference`` or ``baseline``.
        test: its ``Evaluation``.
        errors: of each window.
        spikes: its scorecard, as ``spike_scores`` gives it; None where it was not judged by spikes.
        params: of it; None where it has none of its own.
    """

    name: str
    kind: str
    test: Any
    errors: WindowErrors
    spikes: dict[str, Any] | None = None
    params: int | None = None


@dataclasses.dataclass(frozen=True)
class Scored:
    """What was scored.

    Args:
        model: the finished ensemble.
        test: its ``Evaluation`` on the test split.
        validation: the same on the newest validation windows.
        lines: of everything that was scored, the ensemble first.
        weights: ``[n, M]`` of each test window.
        members: their point forecasts of each test window ``[n, M, H, T]``, scaled.
        windows: the test windows.
    """

    model: Any
    test: Any
    validation: Any
    lines: list[Line]
    weights: np.ndarray
    members: np.ndarray
    windows: Windows


def held_loss(model: Any, loss: Any, stretch: Any, cut: int) -> float:
    """The mean loss over the observed truths of windows ``cut`` and later, each weighted by what was known by then."""
    import keras

    from tsforecast.ensemble.model import WARM_UP

    first = max(cut - WARM_UP, 0)
    part = stretch.slice(first)
    forecast = model.reweight(part.outputs, part.windows)["forecast"][cut - first :]
    truth = part.truth[cut - first :]
    observed = np.isfinite(truth)
    losses = keras.ops.convert_to_numpy(loss(np.where(observed, truth, 0.0).astype(np.float32), forecast))
    return float(losses[observed].mean(dtype=np.float64))


def scored(
    config: Config,
    dataset: ForecastDataset,
    models: dict[str, Any],
    members: list[Member],
    references: list[Member],
    stretches: Stretches,
    tuned: Any,
) -> Scored:
    """Scores members, weightings and references on the test split.

    Args:
        config: of the ensemble.
        dataset: the data.
        models: an ensemble for each weighting, their members as they were trained.
        members: where those come from.
        references: models without a part in it.
        stretches: the validation rows.
        tuned: the fine-tuned ensemble where it was kept, else None.
    """
    from tsforecast.ensemble.window_outputs import select_points
    from tsforecast.evaluation.evaluate import baselines, evaluate
    from tsforecast.evaluation.spikes import ALARM_WINDOWS
    from tsforecast.inference.predict import forward

    chosen, windows = models[config.ensemble.weighting], dataset.windows("test")
    longer = chosen.add_warm_up(windows)
    print(f"forecasting {len(windows):,} test windows with every member", flush=True)
    whole = forward(chosen, longer)
    newest = {name: values[-len(windows) :] for name, values in whole.items()}
    judge = _Scorer(config, dataset, chosen)
    lines = []
    count = len(stretches.whole.windows)
    alarms = stretches.whole.slice(max(count - ALARM_WINDOWS, 0))
    for place, member in enumerate(members):
        test, validation = (
            judge.evaluation(split, _member(chosen, found, place))
            for split, found in ((windows, newest), (alarms.windows, alarms.outputs))
        )
        params = chosen.members[place].count_params()
        lines.append(judge.line(member.name, "member", test, validation, params))
    weighted = {name: model.reweight(whole, longer) for name, model in models.items()}
    for name, found in weighted.items():
        # No spike head here: it does not hang on the weights.
        forecast = {"forecast": found["forecast"][-len(windows) :]}
        lines.append(judge.line(name, "weighting", judge.evaluation(windows, forecast)))
    for member in references:
        model = load_model(member.folder.best)
        validation = evaluate(model, dataset, "val", newest=ALARM_WINDOWS)
        test = evaluate(model, dataset, "test")
        lines.append(judge.line(member.name, "reference", test, validation, model.count_params()))
    lines += [judge.line(name, "baseline", test) for name, test in baselines(dataset, "test").items()]
    if tuned is None:
        own = weighted[config.ensemble.weighting]
        final = newest | {name: values[-len(windows) :] for name, values in own.items()}
        # As ``evaluate`` would make them: from as many windows before as it has.
        later = stretches.whole.slice(max(count - ALARM_WINDOWS - len(longer) + len(windows), 0))
        known = later.outputs | chosen.reweight(later.outputs, later.windows)
        known = {name: values[-len(alarms.windows) :] for name, values in known.items()}
        test, validation = judge.evaluation(windows, final), judge.evaluation(alarms.windows, known)
        weights = final["weights"]
    else:
        final = tuned.predict_over_time(windows, lambda more: forward(tuned, more))
        test, weights = judge.evaluation(windows, final), final["weights"]
        validation = evaluate(tuned, dataset, "val", newest=ALARM_WINDOWS)
    model = chosen if tuned is None else tuned
    lines.insert(0, judge.line("ensemble", "ensemble", test, validation, model.count_params()))
    points = select_points(newest["members"], chosen.task.quantile_levels)
    return Scored(model, test, validation, lines, weights, points, windows)


class _Scorer:
    """Scores outputs under one config."""

    def __init__(self, config: Config, dataset: ForecastDataset, model: Any):
        self.config, self.dataset, self.model = config, dataset, model

    def evaluation(self, windows: Windows, found: dict[str, np.ndarray]) -> Any:
        """The ``Evaluation`` of outputs for windows."""
        from tsforecast.evaluation.evaluate import score_forecasts
        from tsforecast.inference.forecasts import spike_probability

        spike = spike_probability(found["spike"]) if "spike" in found else None
        return score_forecasts(
            self.dataset, windows, found["forecast"], self.model.task.quantile_levels, spike
        )

    def line(
        self, name: str, kind: str, test: Any, validation: Any = None, params: int | None = None
    ) -> Line:
        """A line; judged by spikes where validation windows can tell the level of alarm."""
        from tsforecast.evaluation.spikes import spike_scores

        errors, rule = WindowErrors.from_forecasts(test.ends, test.truth, test.forecast), self.config.spike
        spikes = None
        if validation is not None:
            options = {"min_gap": rule.min_gap, "tolerance": rule.tolerance, "validation": validation}
            spikes = spike_scores(self.model, self.dataset, test, **options)
        return Line(name, kind, test, errors, spikes, params)


def _member(model: Any, found: dict[str, np.ndarray], place: int) -> dict[str, np.ndarray]:
    """One member's own outputs among those of the ensemble."""
    own = {"forecast": found["members"][:, place]}
    heads = [index for index, member in enumerate(model.members) if isinstance(member.output, dict)]
    if place in heads:
        own["spike"] = found["member_spikes"][:, heads.index(place)]
    return own
