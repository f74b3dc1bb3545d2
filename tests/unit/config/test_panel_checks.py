import pytest

from tests.helpers.compose import compose
from tsforecast.errors import UserError

PANEL = ["data=csv", "data.path=panel.csv", "data.target=load", "data.series_id=id"]


@pytest.mark.parametrize("job", ["train", "backtest"])
def test_trainings_take_many_series(job):
    assert compose(*PANEL, f"job={job}", "model=gru").data["series_id"] == "id"


@pytest.mark.parametrize("job", ["verify", "benchmark", "rehearsal"])
def test_measurements_take_many_series(job):
    assert compose(*PANEL, f"job={job}").data["series_id"] == "id"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["job=ensemble", "ensemble.members=[gru,nhits]"],
            r"ensemble\.weighting=gating follows the errors of one series",
        ),
        (
            ["job=ensemble", "ensemble.members=[gru,nhits]", "ensemble.weighting=equal"],
            r"set ensemble\.fine_tune_steps=0",
        ),
        (["loss=negative_binomial"], r"set scaling\.per=all for many series"),
        (["model=patchtst", "training=pretrain"], "training=pretrain is for one series"),
        (["data.sampling=serie"], "data.sampling=serie is not one of windows, series. Did you mean 'series'"),
        (["scaling.per=each"], r"scaling\.per=each is not one of auto, series, all"),
    ],
)
def test_what_needs_one_series_is_refused(overrides, message):
    with pytest.raises(UserError, match=message):
        compose(*PANEL, *overrides)


@pytest.mark.parametrize(
    "word", ["context=daily", "context=events", "model=spike_detector", "model=rule_based"]
)
def test_what_follows_each_series_is_taken(word):
    assert compose(*PANEL, word).data["series_id"] == "id"


def test_an_ensemble_of_networks_takes_many_series():
    options = ["ensemble.members=[gru,nhits]", "ensemble.weighting=static", "ensemble.fine_tune_steps=0"]
    assert compose(*PANEL, "job=ensemble", *options).ensemble.weighting == "static"


def test_sources_of_many_series_are_known():
    for data in (["data=household_meters"], ["data=m4"]):
        with pytest.raises(UserError, match="training=pretrain is for one series"):
            compose("model=patchtst", "training=pretrain", *data)


def test_sampling_by_series_needs_many():
    with pytest.raises(UserError, match=r"data\.sampling=series draws many series equally often"):
        compose("data=csv", "data.path=one.csv", "data.target=load", "data.sampling=series")


def test_a_wide_table_has_many_series_too():
    wide = ["data=csv", "data.path=panel.csv", "data.target=all", "data.layout=wide"]
    with pytest.raises(UserError, match="training=pretrain is for one series"):
        compose("model=patchtst", "training=pretrain", *wide)
