"""job=evaluate: score a finished run again, from its saved model, in a fresh process."""

from pathlib import Path

from tsforecast.config import Config, stem
from tsforecast.evaluation.provenance import describe_provenance
from tsforecast.evaluation.result import RunResult
from tsforecast.evaluation.summary import compare_metrics, metric_lines, print_recurrent_paths
from tsforecast.files import display_path
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
        **describe_provenance(dataset.series, dataset.parts, dataset.window, config.seed, facts),
    ).write(folder.path, "evaluation.json")
    print("\n".join(metric_lines(scores["metrics"])))
    if folder.result.is_file():
        print(compare_metrics(scores["metrics"], RunResult.read(folder.result).metrics or {}))
    print(display_path(folder.path), flush=True)
    return scores["metrics"]["test/rmse"]
