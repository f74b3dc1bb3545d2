"""job=evaluate: the test figures of a finished run again, from its checkpoint, in a fresh process."""

from pathlib import Path

from tsforecast.config import Config
from tsforecast.jobs import build, results
from tsforecast.jobs.stored_data import build_saved_data
from tsforecast.models.io import load_model
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> float:
    """Scores ``best.keras`` of ``config.run`` on the test split, writes ``evaluation.json``; returns the test RMSE."""
    folder = RunFolder.existing(path)
    dataset = build_saved_data(config, folder.best)
    facts = build.set_up_runtime(config)

    from tsforecast.evaluation.evaluate import baselines, evaluate

    model = load_model(folder.best)
    results.print_paths(model)
    evaluation = evaluate(model, dataset, "test")
    figures = results.test_figures(evaluation, baselines(dataset, "test"))
    figures |= results.spike_figures(config, dataset, model, evaluation, figures["metrics"])
    folder.write_json("evaluation.json", {**figures, "device": facts.device_name, "versions": facts.versions})
    for name, value in figures["metrics"].items():
        print(f"{name} {value!r}")
    if folder.result.is_file():
        _compare(figures["metrics"], results.read(folder).get("metrics", {}))
    print(folder.path, flush=True)
    return figures["metrics"]["test/rmse"]


def _compare(now: dict[str, float], before: dict[str, float]) -> None:
    differing = [
        f"{name} was {before[name]!r}"
        for name, value in now.items()
        if name in before and before[name] != value
    ]
    print(
        "Differs from the run's result: " + "; ".join(differing)
        if differing
        else "Equal to the run's result.",
        flush=True,
    )
