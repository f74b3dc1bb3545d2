"""The ensemble: its parts, its weights over time, its file."""

import dataclasses
import re

import keras
import numpy as np
import pytest

from tests.helpers.model_checks import CARD, TASKS, batch, check_saving, check_training
from tsforecast.data.windows import Windows
from tsforecast.ensemble.model import Ensemble
from tsforecast.ensemble.spike_head import fit_spike_head
from tsforecast.ensemble.weightings import list_weightings
from tsforecast.errors import UserError
from tsforecast.inference.predict import forward, predict
from tsforecast.logistic import fit_logistic
from tsforecast.losses import SquaredError
from tsforecast.models.dlinear import DLinear
from tsforecast.models.nlinear import NLinear
from tsforecast.models.persistence import Persistence
from tsforecast.models.spike_detector import SpikeDetector

TASK = dataclasses.replace(TASKS["one step"], lookback=24)
WEIGHTINGS = list_weightings()
THRESHOLD = 0.5
NAMES = ["nlinear", "second", "persistence"]


def make(task, weighting="gating", spikes=False):
    """Three quick members, or two and one with a spike head."""
    keras.utils.set_random_seed(0)
    members = [NLinear(task), DLinear(task, kernel_size=5), Persistence(task)]
    if spikes:
        members[1] = SpikeDetector(task, filters=4, heads=2, units=4, dense_units=[4])
    thresholds = [THRESHOLD] * len(task.target_indices)
    return Ensemble(task, members, NAMES, weighting=weighting, gate_units=4, thresholds=thresholds)


def fit_weights(model, fit, held):
    model.weighting.fit(fit, held, loss=SquaredError(), seed=0, log=lambda line: None)


def origins(part):
    return part.windows.rows[part.windows.ends][:, None, None, list(TASK.target_indices)]


def label_spikes(part):
    """Whether each truth of each window is a spike; unobserved ones are not."""
    return part.truth - origins(part)[:, 0] > THRESHOLD


def windows(rows=400, first=30, last=380, task=TASK, seed=0):
    rng = np.random.default_rng(seed)
    values = np.cumsum(rng.normal(size=(rows, task.channels)), axis=0).astype("float32") * 0.3
    truths = values[:, list(task.target_indices)].copy()
    truths[first + 9] = np.nan
    shape = {"lookback": task.lookback, "lead": task.lead, "horizon": task.horizon}
    return Windows(values, truths, np.arange(first, last), border=(0, rows), **shape)


@pytest.fixture
def stretch():
    """A function that runs a model on windows and gives their first and last parts."""

    def run(model):
        whole = windows()
        found = model.window_outputs(whole, forward(model, whole))
        return found, found.slice(0, 240), found.slice(240)

    return run


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_weights_are_on_the_simplex_and_weigh_the_members(weighting, stretch):
    model = make(TASK, weighting)
    whole, fit, held = stretch(model)
    fit_weights(model, fit, held)
    outputs = predict(model, whole.windows, in_time=True)
    weights = outputs["weights"]
    assert weights.shape == (len(whole.windows), 3)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    expected = np.einsum("nm,nmht->nht", weights, whole.outputs["members"])
    np.testing.assert_allclose(outputs["forecast"], expected, atol=1e-5)
    alone = model(whole.windows.inputs(whole.windows.ends[:5]))
    np.testing.assert_allclose(np.asarray(alone["weights"]).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("weighting", ["gating", "online"])
def test_no_weight_knows_a_truth_before_its_time(weighting, stretch):
    model = make(TASK, weighting)
    whole, fit, held = stretch(model)
    fit_weights(model, fit, held)
    if weighting == "gating":  # as if training had found the recent errors to matter
        kernel = model.get_layer("gate").logits.kernel
        kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    row, changed = 200, whole.windows.truths.copy()
    changed[row:] += 5.0
    later = dataclasses.replace(whole.windows, truths=changed)
    before, after = (model.reweight(whole.outputs, split)["weights"] for split in (whole.windows, later))
    unknown = whole.windows.ends < row
    np.testing.assert_array_equal(before[unknown], after[unknown])
    assert np.abs(before[~unknown] - after[~unknown]).max() > 0


def test_static_weights_are_the_best_on_what_they_were_fitted_on(stretch):
    found = {}
    for weighting in ("equal", "inverse_error", "static"):
        model = make(TASK, weighting)
        _, fit, held = stretch(model)
        fit_weights(model, fit, held)
        error = model.reweight(fit.outputs, fit.windows)["forecast"] - fit.truth
        found[weighting] = np.nanmean(error**2)
    assert found["static"] <= min(found.values()) * (1 + 1e-5)


def test_the_gating_network_finds_which_member_serves_when():
    """Two members, each right in half of the windows, as the content tells."""
    rng = np.random.default_rng(0)
    model = Ensemble(TASK, [NLinear(TASK), Persistence(TASK)], ["a", "b"], gate_units=8)
    whole = windows(rows=3100, first=30, last=3030)
    content = rng.normal(size=(3000, model.output["content"].shape[1])).astype("float32")
    truth = whole.targets(whole.ends)
    noise = rng.normal(size=truth.shape).astype("float32")
    first = (content[:, 0] > 0)[:, None, None]
    right = np.nan_to_num(truth)
    members = np.stack([right + noise * ~first, right + noise * first], axis=1)
    found = model.window_outputs(whole, {"members": members, "content": content})
    parts = found.slice(0, 2000), found.slice(2000, 3000)
    fit_weights(model, *parts)
    held = parts[1]
    error = model.reweight(held.outputs, held.windows)["forecast"] - held.truth
    equal = held.outputs["members"].mean(axis=1) - held.truth
    assert np.nanmean(error**2) < 0.75 * np.nanmean(equal**2)


def test_the_spike_head_learns_from_the_members(stretch):
    """The first member forecasts the truths with noise, the others random walks."""
    model = make(TASK, spikes=True)
    whole, fit, held = stretch(model)
    noise = np.random.default_rng(0).normal(0.0, 0.3, size=whole.truth.shape)
    members = whole.outputs["members"].copy()
    members[:, 0] = np.nan_to_num(whole.truth) + noise
    whole = dataclasses.replace(whole, outputs=whole.outputs | {"members": members})
    fit, held, lines = whole.slice(0, 240), whole.slice(240), []
    fit_spike_head(model, fit, held, seed=0, log=lines.append)
    stacked, trained = (float(word) for word in re.findall(r"\d+\.\d+", lines[0])[:2])
    share = label_spikes(held)[np.isfinite(held.truth)].mean()
    assert stacked < -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert trained < stacked or lines[0].endswith("discarded")
    assert predict(model, whole.windows, in_time=True)["spike"].shape == (len(whole.windows), 1, 1)


def test_the_spike_head_starts_as_a_logistic_regression_on_the_members(stretch, monkeypatch):
    monkeypatch.setattr("tsforecast.ensemble.spike_head.train_head", lambda *arrays, **options: None)
    model = make(TASK)
    _, fit, held = stretch(model)
    fit_spike_head(model, fit, held, seed=0, log=print)
    rises = (fit.points - origins(fit)) / THRESHOLD
    observed = np.isfinite(fit.truth).all(axis=(1, 2))
    inputs, outcomes = rises[observed, :, 0, 0], label_spikes(fit)[observed, 0, 0]
    coefficients = fit_logistic(inputs, outcomes, np.zeros(4), ridge=1e-4)
    expected = inputs @ coefficients[:3] + coefficients[3]
    actual = predict(model, fit.windows, in_time=True)["spike"][observed, 0, 0]
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def test_an_ensemble_saved_before_stacking_keeps_its_spike_head():
    model = make(TASK, spikes=True)
    config = model.get_config()
    del config["stacked_spikes"]
    assert model.get_layer("spike_odds").stacked
    assert not Ensemble.from_config(config).get_layer("spike_odds").stacked


@pytest.mark.parametrize("weighting", ["gating", "static"])
def test_the_file_holds_everything(weighting, tmp_path):
    check_saving(lambda task: make(task, weighting, spikes=True), tmp_path, "mixed_bfloat16")


def test_all_members_train_together():
    check_training(lambda task: make(task, spikes=True), dense=False)


def test_a_loaded_ensemble_goes_through_time_as_before(tmp_path, stretch):
    model = make(TASK, "online")
    whole, fit, held = stretch(model)
    fit_weights(model, fit, held)
    model.describe(**{"spike": {name: values[:1] for name, values in CARD["spike"].items()}})
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    assert again.names == NAMES
    expected, actual = (predict(each, whole.windows, in_time=True) for each in (model, again))
    assert actual.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(actual[name], values, err_msg=name)


def test_windows_before_a_stretch_tell_what_was_known_at_its_start(stretch):
    model = make(TASK, "online")
    whole, fit, held = stretch(model)
    fit_weights(model, fit, held)
    late = dataclasses.replace(whole.windows, ends=whole.windows.ends[100:])
    longer = model.add_warm_up(late)
    assert longer.ends[0] == TASK.lookback - 1
    found = model.predict_over_time(late, lambda split: forward(model, split))
    assert len(found["weights"]) == len(late)
    assert np.abs(found["weights"][0] - 1 / 3).max() > 1e-3


def test_refusals():
    with pytest.raises(UserError, match="needs members"):
        Ensemble(TASK)
    other = NLinear(dataclasses.replace(TASK, lead=5))
    with pytest.raises(UserError, match=r"Member b forecasts something else \(lead\)"):
        Ensemble(TASK, [NLinear(TASK), other], ["a", "b"])
    with pytest.raises(ValueError, match="weighting=best is not one of"):
        make(TASK, "best")


def test_every_output_is_float32():
    past, _ = batch(TASK)
    found = make(TASK, spikes=True)(past)
    assert {"forecast", "weights", "members", "content", "member_spikes", "spike"} == set(found)
    assert all(value.dtype == "float32" for value in found.values())
