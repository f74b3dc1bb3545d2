"""job=evaluate: score a finished run again, from its saved model, in a fresh process."""

import math
from collections.abc import Mapping
from pathlib import Path

from tsforecast.config import Config, stem
from tsforecast.evaluation.provenance import describe_provenance
from tsforecast.evaluation.result import RunResult
from tsforecast.evaluation.summary import print_recurrent_paths
from tsforecast.jobs import build
from tsforecast.jobs.stored_data import build_saved_data
from tsforecast.models.io import load_model
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> float:
    """Score the best model of ``config.run`` on the test split, write ``evaluation.json`` and return the test RMSE."""
    folder = RunFolder.existing(path)
    dataset = build_saved_data(config, folder.best)
    facts = build.set_up_runtime(config)

    from tsforecast.evaluation.scores import score_model

    model = load_model(folder.best)
    print_recurrent_paths(model)
    scores = score_model(model, dataset, config.spike if config.report.spikes else None).to_fields()
    RunResult(
        status="done",
        model=stem(config.model),
        params=model.count_params(),
        users_estimate=model.nominal_params,
        **scores,
        **describe_provenance(dataset.series, dataset.borders, dataset.window, config.seed, facts),
    ).write(folder.path, "evaluation.json")
    for name, value in scores["metrics"].items():
        print(f"{name} {value!r}")
    if folder.result.is_file():
        print(compare_metrics(scores["metrics"], RunResult.read(folder.result).metrics or {}))
    print(folder.path, flush=True)
    return scores["metrics"]["test/rmse"]


def compare_metrics(now: Mapping[str, float], before: Mapping[str, float | None]) -> str:
    """Return one sentence about how metrics differ from those of the run.

    A metric without a value is NaN as it is computed, and None once it has been written as JSON.

    Example:
        >>> compare_metrics({"test/rmse": 0.5}, {"test/rmse": 0.25, "val/rmse": 0.3})
        "Differs from the run's result: test/rmse was 0.25"
    """
    differing = [
        f"{name} was {before[name]!r}"
        for name, value in now.items()
        if name in before and before[name] != (None if math.isnan(value) else value)
    ]
    return (
        f"Differs from the run's result: {'; '.join(differing)}"
        if differing
        else "Equal to the run's result."
    )
