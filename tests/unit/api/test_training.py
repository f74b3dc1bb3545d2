import pytest

import tsforecast
from tests.helpers.api_case import OPTIONS, hourly_frame
from tsforecast.api import training
from tsforecast.api.session import prepare_command
from tsforecast.errors import UserError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def configs(monkeypatch):
    """The checked configs of the jobs that would run."""
    configs = []

    def check_only(words, **options):
        configs.append(prepare_command(words, options["config_dir"]))
        raise InterruptedError

    monkeypatch.setattr(training, "run_job", check_only)
    return configs


def test_an_ensemble_is_a_function_although_it_is_a_package_too(here, configs):
    import tsforecast.ensemble.model

    with pytest.raises(InterruptedError):
        tsforecast.ensemble(hourly_frame(), "load", ["dlinear", "gru"], OPTIONS, verbose=False)
    assert configs[0].job.name == "ensemble"
    assert configs[0].ensemble.members == ["dlinear", "gru"]
    assert configs[0].tracker["_target_"].endswith("null_tracker.start")
    assert tsforecast.ensemble.model.Ensemble


def test_a_tracker_is_used_only_if_the_options_name_one(here, configs):
    for options, module in (({}, "null_tracker"), ({"tracker": "tensorboard"}, "tensorboard_tracker")):
        with pytest.raises(InterruptedError):
            tsforecast.train("household_power", model="gru", overrides=options)
        assert module in configs[-1].tracker["_target_"]
        assert configs[-1].model["_target_"].endswith("gru.GRU")


def test_a_folder_with_own_yaml_files_is_used(here, configs):
    (here / "own/model").mkdir(parents=True)
    (here / "own/model/mine.yaml").write_text("_target_: tsforecast.models.gru.GRU\nunits: [3]\n")
    with pytest.raises(InterruptedError):
        tsforecast.train(model="mine", config_dir=here / "own")
    assert configs[0].model["units"] == [3]
    with pytest.raises(UserError, match="there is no such model"):
        tsforecast.train(model="mine")


def test_a_backtest_has_its_own_options(here, configs):
    with pytest.raises(InterruptedError):
        tsforecast.backtest(hourly_frame(), "load", "dlinear", OPTIONS | {"backtest.origins": 2})
    assert configs[0].job.name == "backtest"
    assert configs[0].backtest.origins == 2


def test_a_function_runs_its_own_job(here):
    with pytest.raises(UserError, match="and this is job=train"):
        tsforecast.train(hourly_frame(), "load", "dlinear", OPTIONS | {"job": "plan"})


@pytest.mark.slow
def test_a_model_is_updated_and_draws_paths(here):
    frame = hourly_frame(900)
    trained = tsforecast.train(frame[:700], "load", "dlinear", OPTIONS | {"loss": "quantile"}, verbose=False)
    steps = {"retrain.train_steps": 300, "retrain.val_steps": 60, "retrain.held_out_steps": 60}
    updated = trained.forecaster.update(frame, steps | {"retrain.max_steps": 3}, verbose=False)
    assert updated.name in ("v0001", "v0002")
    paths = updated.sample(frame, 3)
    assert len(paths) == 3 * 4
    assert (paths == updated.sample(frame, 3)).all(axis=None)
    quantiles = updated.predict(frame, 0.8)
    assert (quantiles["q0.1"] <= quantiles["q0.9"]).all()
