from itertools import chain

import numpy as np

from tests.helpers.panel_case import make_panel
from tsforecast.data.dataset import build_dataset
from tsforecast.evaluation.evaluate import evaluate
from tsforecast.evaluation.interval_start import SCORED, add_coverage, calibrate_intervals, save_uncertainty
from tsforecast.evaluation.scores import score_model
from tsforecast.inference.intervals import MIN_SCORES, create_intervals
from tsforecast.inference.metadata import describe_data
from tsforecast.models.persistence import Persistence
from tsforecast.models.task import Task
from tsforecast.registry.model_source import ModelSource
from tsforecast.tracking.run_folder import RunFolder

WINDOW = {"lookback": 6, "lead": 1, "horizon": 2, "stride": 1, "split": {"train": 0.6, "val": 14, "test": 8}}


def make_case():
    dataset = build_dataset(make_panel(), **WINDOW)
    model = Persistence(Task.from_dataset(dataset))
    model.describe(**describe_data(dataset))
    return model, dataset


def test_coverage_is_that_of_the_start_of_each_series():
    model, dataset = make_case()
    calibration = calibrate_intervals(model, dataset, SCORED)
    evaluation = add_coverage(evaluate(model, dataset, "test"), dataset, calibration)
    lower, upper = create_intervals(2, 1, SCORED, calibration).margins()[..., 0]
    inside = {name: [] for name in "abc"}
    for end, truth, forecast in zip(evaluation.ends, evaluation.truth, evaluation.forecast, strict=True):
        index = int(dataset.series.series_of(np.array([end]))[0])
        width = dataset.scaler.levels.width[index, 0]
        hits = (truth[:, 0] >= forecast[:, 0] - lower * width) & (
            truth[:, 0] <= forecast[:, 0] + upper * width
        )
        inside["abc"[index]] += hits.tolist()
    assert evaluation.series.figures["coverage"].tolist() == [np.mean(hits) for hits in inside.values()]
    assert evaluation.figures["interval_coverage"] == np.mean([*chain(*inside.values())])


def test_too_few_errors_give_no_coverage():
    model, dataset = make_case()
    few = create_intervals(2, 1, SCORED)
    few.calibrate(*[np.zeros((MIN_SCORES - 1, 2, 1))] * 3)
    evaluation = evaluate(model, dataset, "test")
    assert add_coverage(evaluation, dataset, few.to_bytes()) is evaluation


def test_the_start_of_many_series_is_stored_with_the_run(tmp_path):
    model, dataset = make_case()
    scores = score_model(model, dataset, None)
    assert 0.5 < scores.to_fields()["metrics"]["test/interval_coverage"] <= 1
    assert set(scores.to_fields()["series"]) == {"a", "b", "c"}
    save_uncertainty(tmp_path, model, dataset, scores.calibration)
    assert ModelSource.from_run(RunFolder(tmp_path)).calibration == scores.calibration
