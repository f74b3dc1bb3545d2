import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.metrics import point_metrics, quantile_metrics
from tsforecast.sweeps.outcome import Outcome
from tsforecast.sweeps.processes import Worker
from tsforecast.sweeps.search import Options, Trials, run
from tsforecast.sweeps.space import Range
from tsforecast.sweeps.study import Job

pytest.importorskip("optuna")

OPTIONS = {"objectives": ["val/rmse"], "sampler": "tpe", "pruner": "median", "startup_trials": 2, "seed": 0}
SPACE = {"rate": Range(low=1e-4, high=1e-1, log=True), "units": Range(choices=("[8]", "[8,16]"))}


def options(**changes):
    return Options(**{"trials": 5, **OPTIONS, **changes})


def done(value):
    return Outcome("done", figures={"val/rmse": value, "seconds": 1.0})


def test_values_are_written_as_the_command_line_takes_them(tmp_path):
    _, axes = Trials(tmp_path, SPACE, options()).ask()
    assert 1e-4 <= float(axes["rate"]) <= 1e-1
    assert axes["units"] in ("[8]", "[8,16]")
    assert Range(low=1, high=8, whole=True).written(4.0) == "4"
    assert Range(low=1, high=8, whole=True, step=2).ends() == ["1", "8"]


def test_a_search_goes_on_with_its_memory_and_its_interrupted_trial(tmp_path):
    first = Trials(tmp_path, SPACE, options())
    trial, _ = first.ask()
    first.tell(trial, done(0.5))
    cut, axes = first.ask()
    first.tell(cut, Outcome("interrupted"))

    second = Trials(tmp_path, SPACE, options())
    assert second.count_finished() == 1
    assert [number for number, _ in second.earlier()] == [0]
    again, same = second.ask()
    assert (again.number, same) == (cut.number, axes)


def test_a_trial_that_goes_on_reports_each_step_once(tmp_path):
    trials = Trials(tmp_path, SPACE, options())
    cut, _ = trials.ask()
    trials.watch(cut)({"step": 10, "val/rmse": 0.5})

    second = Trials(tmp_path, SPACE, options())
    again, _ = second.ask()
    look = second.watch(again)
    assert [look({"step": step, "val/rmse": 0.5}) for step in (10, 20)] == [
        None,
        None,
    ]  # a warning is an error


def test_a_trial_that_ended_before_the_search_could_say_so_is_not_run_again(tmp_path, monkeypatch):
    (tmp_path / "cut").mkdir()
    trial, axes = Trials(tmp_path / "cut", SPACE, options()).ask()
    ended = Job(trial.number, axes, [], {"device": {"kind": "cpu"}})
    folder = tmp_path / "cut" / ended.folder_name
    folder.mkdir()
    (folder / "result.json").write_text('{"status": "done", "metrics": {"val/rmse": 0.5}}')
    monkeypatch.setattr(Worker, "begin", lambda *_: pytest.fail("it is run again"))
    code = run(
        tmp_path / "cut",
        [],
        space=SPACE,
        base={},
        options=options(trials=1),
        make_job=lambda number, values: Job(number, values, [], {"device": {"kind": "cpu"}}),
        run_file=tmp_path / "run.py",
        process="shared",
    )
    assert code == 0


def test_a_trial_that_lags_behind_is_pruned_and_counts(tmp_path):
    trials = Trials(tmp_path, SPACE, options())
    for value in (0.5, 0.6):
        trial, _ = trials.ask()
        look = trials.watch(trial)
        assert look({"step": 10, "val/rmse": value}) is None
        trials.tell(trial, done(value))
    trial, _ = trials.ask()
    why = trials.watch(trial)({"step": 10, "val/rmse": 9.0})
    assert why == "val/rmse 9 at step 10 lags behind the other trials"
    trials.tell(trial, Outcome("pruned", why))
    assert trials.count_finished() == 3


def test_without_a_pruner_or_with_two_objectives_nothing_is_pruned(tmp_path):
    for name, changes in (("a", {"pruner": "none"}), ("b", {"objectives": ["val/rmse", "seconds"]})):
        (tmp_path / name).mkdir()
        trials = Trials(tmp_path / name, SPACE, options(startup_trials=0, **changes))
        for value in (0.1, 9.0):
            trial, _ = trials.ask()
            assert trials.watch(trial)({"step": 1, "val/rmse": value}) is None
            trials.tell(trial, done(value))


def test_a_job_that_failed_or_has_no_figure_does_not_mislead_the_search(tmp_path):
    trials = Trials(tmp_path, SPACE, options())
    for outcome in (Outcome("failed", "x"), Outcome("done"), done(float("nan"))):
        trial, _ = trials.ask()
        trials.tell(trial, outcome)
    assert trials.count_finished() == 3
    assert trials.best({}) == []


def test_a_figure_can_be_maximized(tmp_path):
    chosen = options(objectives=["test/r2:maximize", "seconds"])
    assert (chosen.keys, chosen.directions) == (["test/r2", "seconds"], ["maximize", "minimize"])


def test_every_metric_is_an_objective():
    truth = np.arange(4.0).reshape(4, 1, 1)
    points = point_metrics(truth, truth, scale=np.ones(1))
    quantiles = quantile_metrics(truth, truth[..., None] + [-1.0, 0.0, 1.0], [0.025, 0.5, 0.9])
    keys = [f"test/{name}" for name in [*points, *quantiles]]
    assert options(objectives=keys).keys == keys


def test_the_better_direction_of_a_metric_needs_no_word():
    keys = ["val/rmse", "test/r2", "test/r2:minimize", "skill/persistence", "seconds", "test/coverage_q10"]
    expected = ["minimize", "maximize", "minimize", "maximize", "minimize", "minimize"]
    assert options(objectives=keys).directions == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sampler": "tpee"}, "Did you mean 'tpe'"),
        ({"pruner": "x"}, "median, hyperband, none"),
        ({"trials": 0}, "at least 1"),
        ({"startup_trials": "a"}, "whole number"),
        ({"objectives": []}, "is empty"),
        ({"objectives": ["val/rmse:down"]}, "minimize or maximize"),
        ({"objectives": ["val/rmsee"]}, "not a figure of a run. Did you mean 'val/rmse'"),
    ],
)
def test_wrong_options_are_refused(changes, words):
    with pytest.raises(UserError, match=words):
        options(**changes)


def test_a_space_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(UserError, match="rate cannot be searched"):
        Trials(tmp_path, {"rate": Range(low=0.0, high=1.0, log=True)}, options())
