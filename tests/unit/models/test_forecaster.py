"""What networks share: shapes, saving and training, and a spike head on request."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.helpers.model_checks import (
    STATISTICS,
    TASKS,
    batch,
    check_causality,
    check_saving,
    check_shapes_and_order,
    check_training,
)
from tsforecast.layers.calibration import LogitCalibration
from tsforecast.models.cnn_lstm import CNNLSTM
from tsforecast.models.dlinear import DLinear
from tsforecast.models.gru import GRU
from tsforecast.models.itransformer import ITransformer
from tsforecast.models.lstm import LSTM
from tsforecast.models.moderntcn import ModernTCN
from tsforecast.models.nhits import NHITS
from tsforecast.models.nlinear import NLinear
from tsforecast.models.patchtst import PatchTST
from tsforecast.models.rule_based import RuleBased
from tsforecast.models.tft import TFT
from tsforecast.models.tide import TiDE
from tsforecast.models.tsmixer import TSMixer

SMALL = {"units": (5,), "dense_units": (6,)}
MODELS = {
    "lstm": lambda task, **more: LSTM(task, **SMALL, **more),
    "gru": lambda task, **more: GRU(task, **SMALL, **more),
    "cnn_lstm": lambda task, **more: CNNLSTM(task, filters=4, kernel_sizes=(3,), **SMALL, **more),
    "cnn_lstm_same": lambda task, **more: CNNLSTM(
        task, filters=4, kernel_sizes=(3,), padding="same", **SMALL, **more
    ),
    "rule_based": lambda task, **more: RuleBased(task, **SMALL, **more),
    "dlinear": lambda task, **more: DLinear(task, kernel_size=5, **more),
    "nlinear": NLinear,
    "nhits": lambda task, **more: NHITS(task, pools=[4, 1], rates=[2, 1], units=8, **more),
    "tide": lambda task, **more: TiDE(
        task, units=8, step_units=2, step_hidden=4, covariate_hidden=4, dropout=0.0, **more
    ),
    "tsmixer": lambda task, **more: TSMixer(task, units=8, dropout=0.0, **more),
    "itransformer": lambda task, **more: ITransformer(
        task, d_model=8, heads=2, layers=1, d_ff=8, dropout=0.0, attention_dropout=0.0, **more
    ),
    "moderntcn": lambda task, **more: ModernTCN(task, units=4, kernel=5, small_kernel=3, dropout=0.0, **more),
    "tft": lambda task, **more: TFT(task, units=8, heads=2, dropout=0.0, **more),
    "patchtst": lambda task, **more: PatchTST(
        task, d_model=8, heads=2, layers=1, d_ff=8, dropout=0.0, patch_len=4, patch_stride=4, **more
    ),
    "patchtst_all": lambda task, **more: PatchTST(
        task, d_model=8, heads=2, layers=1, d_ff=8, dropout=0.0, channels="all", **more
    ),
}
ALL = pytest.mark.parametrize("name", MODELS)
# Forecast from whole windows alone; those of the second line read the covariates of each step.
WITH_COVARIATES = ["tide", "tsmixer", "itransformer", "moderntcn", "tft"]
DIRECT = pytest.mark.parametrize("name", ["dlinear", "nlinear", "nhits", *WITH_COVARIATES])


CAUSAL = ["lstm", "gru", "cnn_lstm", "rule_based"]


def with_head(name):
    return lambda task: MODELS[name](task, spike_head=True)


@DIRECT
def test_shapes(name):
    check_shapes_and_order(MODELS[name])


@DIRECT
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_saving(tmp_path, name, policy):
    check_saving(MODELS[name], tmp_path, policy)


@DIRECT
def test_training(name):
    check_training(MODELS[name], dense=False)


@ALL
def test_a_spike_head_adds_logits_and_leaves_the_forecast_as_it_is(name):
    task = TASKS["steps and targets"]
    past, _ = batch(task)
    plain, model = MODELS[name](task), with_head(name)(task)
    assert plain.spike_weight == 0.0
    assert model.spike_weight == 0.5
    output = model(past)
    assert output["spike"].shape == output["forecast"].shape == (5, 3, 2)
    shared = [variable for variable in model.trainable_variables if "spike" not in variable.path]
    for variable, value in zip(plain.trainable_variables, shared, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(plain(past), output["forecast"], atol=1e-6)


@ALL
def test_a_model_with_a_spike_head_is_saved_and_trained(name, tmp_path):
    check_saving(with_head(name), tmp_path, "float32")
    check_training(with_head(name), dense=with_head(name)(TASKS["quantiles"]).has_sequence)


@pytest.mark.parametrize("name", [*CAUSAL, "cnn_lstm_same"])
def test_a_model_with_statistics_is_saved_and_trained(name, tmp_path):
    def make(task):
        return MODELS[name](task, statistics=STATISTICS)

    check_saving(make, tmp_path, "float32")
    causal = name in CAUSAL
    check_training(make, dense=causal)
    if causal:
        check_causality(make)


@pytest.mark.parametrize("name", CAUSAL)
def test_the_head_reads_the_statistics_of_its_step(name):
    model = MODELS[name](TASKS["one step"], statistics=STATISTICS)
    past, _ = batch(model.task)
    before = np.asarray(model.sequence_model()(past))
    layer = model.get_layer("encoded_statistics").dense
    layer.set_weights([np.zeros_like(layer.kernel), np.full(4, 5.0)])
    constant = np.asarray(model.sequence_model()(past))
    layer.set_weights([np.zeros_like(layer.kernel), np.full(4, -5.0)])  # the ReLU returns 0
    assert (before != constant).any()
    assert (np.asarray(model.sequence_model()(past)) != constant).all()


def test_calibration_changes_the_odds_of_the_forecast_and_not_those_of_training():
    model = with_head("gru")(TASKS["one step"])
    past, _ = batch(model.task)
    before, training = model(past), model.sequence_model()(past)
    (layer,) = (layer for layer in model.layers if isinstance(layer, LogitCalibration))
    layer.set_weights([np.full(1, 2.0), np.full(1, -1.0)])
    after = model(past)
    np.testing.assert_allclose(after["spike"], 2.0 * np.asarray(before["spike"]) - 1.0, rtol=1e-5)
    np.testing.assert_array_equal(after["forecast"], before["forecast"])
    np.testing.assert_array_equal(model.sequence_model()(past)["spike"], training["spike"])


def test_a_weight_has_an_effect_on_the_loss_only_with_a_head():
    task = TASKS["one step"]
    assert MODELS["gru"](task, spike_weight=3.0).spike_weight == 0.0
    assert MODELS["gru"](task, spike_head=True, spike_weight=3.0).spike_weight == 3.0


COVARIATES = replace(  # past, future numbers and codes of two steps each, a static number and a static code
    TASKS["quantiles"],
    channels=9,
    future_channels=(3, 4, 5, 6),
    static_channels=(7, 8),
    category_of=(-1, -1, -1, -1, -1, 0, 0, -1, 1),
    category_counts=(5, 4),
)


@pytest.mark.parametrize("name", WITH_COVARIATES)
def test_every_kind_of_covariate_reaches_the_forecast(name):
    model = MODELS[name](COVARIATES)
    past, _ = batch(COVARIATES, rows=3)
    past[..., [5, 6, 8]] = 2.0
    before = np.asarray(model(past))
    for channel in range(2, 9):
        changed = past.copy()
        changed[..., channel] += 1.0
        assert np.abs(np.asarray(model(changed)) - before).max() > 1e-6, channel
    earlier = past.copy()
    earlier[:, :-1, 3:] = 3.0  # what is planned or constant is read at the last step
    np.testing.assert_allclose(model(earlier), before, atol=1e-5)


@pytest.mark.parametrize("name", WITH_COVARIATES)
def test_a_model_with_covariates_and_a_distribution_is_saved(name, tmp_path):
    task = replace(COVARIATES, distribution={"name": "normal"})
    model = MODELS[name](task)
    past, _ = batch(task, rows=3)
    past[..., [5, 6, 8]] = 2.0
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    assert again.task.future_channels == task.future_channels
    assert again.task.static_channels == task.static_channels
    for key, values in model(past).items():
        np.testing.assert_array_equal(again(past)[key], values)


RECURRENT = ("lstm", "gru", "cnn_lstm", "cnn_lstm_same", "rule_based")


@pytest.mark.parametrize("name", RECURRENT)
def test_summaries_of_earlier_rows_reach_the_head_of_their_own_step_only(name):
    task = replace(TASKS["one step"], channels=5, context_channels=(3, 4))
    model = MODELS[name](task)
    past = np.random.default_rng(0).normal(size=(4, task.lookback, 5)).astype("float32")
    changed = past.copy()
    changed[:, 15, 3:] += 2.0
    np.testing.assert_array_equal(model(changed), model(past))
    if model.has_sequence:
        before, after = (np.asarray(model.sequence_model()(values)) for values in (past, changed))
        steps = np.abs(after - before).max(axis=(0, 2, 3)) > 0
        assert steps.tolist() == [step == 15 for step in range(task.lookback)]
    changed[:, -1, 3:] += 2.0
    assert np.abs(np.asarray(model(changed)) - np.asarray(model(past))).max() > 1e-4


@pytest.mark.parametrize("name", RECURRENT)
def test_a_model_with_summaries_of_earlier_rows_is_saved(name, tmp_path):
    model = MODELS[name](replace(TASKS["one step"], context_channels=(2,)))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    past, _ = batch(model.task)
    assert again.task == model.task
    np.testing.assert_array_equal(again(past), model(past))
