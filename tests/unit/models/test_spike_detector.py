from dataclasses import replace

import keras
import numpy as np
import pytest

from tests.helpers.model_checks import (
    CARD,
    ENCODING,
    STATISTICS,
    TASKS,
    batch,
    check_saving,
    check_shapes_and_order,
    check_training,
    described,
    window_features,
)
from tsforecast.losses import AbsoluteError, SpikeWeighted, SquaredError
from tsforecast.models.spike_detector import SpikeDetector
from tsforecast.objective import Objective
from tsforecast.training.trainer import Trainer


def make(task, **changes):
    options = {"filters": 8, "heads": 2, "units": 5, "dense_units": (6,), "dropout": 0.1, "spike_weight": 0.7}
    options["encoding"] = ENCODING
    return SpikeDetector(task, **{**options, **changes})


def make_causal(task, **changes):
    return make(task, causal=True, **changes)


def make_with_statistics(task, **changes):
    return make_causal(task, statistics=STATISTICS, **changes)


def make_with_stride(task, **changes):
    return make_causal(task, stride=5, backward_steps=10, **changes)


def make_with_features(task, **changes):
    return make_with_stride(task, trained_steps=15, window_features=window_features(task), **changes)


MAKERS = pytest.mark.parametrize(
    "maker", [make, make_causal, make_with_statistics, make_with_stride, make_with_features]
)


@MAKERS
def test_shapes(maker):
    check_shapes_and_order(maker)


def test_the_odds_are_float32_for_every_step_and_target():
    keras.config.set_dtype_policy("mixed_bfloat16")
    task = TASKS["quantiles"]
    odds = make(task)(batch(task)[0])["spike"]
    assert odds.dtype == "float32"
    assert odds.shape == (5, 2, 2)


@MAKERS
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_saving(tmp_path, policy, maker):
    check_saving(maker, tmp_path, policy)


@pytest.mark.parametrize(
    ("maker", "dense"),
    [
        (make, False),
        (make_causal, False),
        (make_causal, True),
        (make_with_statistics, True),
        (make_with_stride, True),
        (make_with_features, False),
        (make_with_features, True),
    ],
)
def test_training(maker, dense):
    check_training(maker, dense)


@pytest.mark.parametrize("maker", [make_causal, make_with_statistics])
def test_no_step_before_the_last_sees_a_later_one(maker):
    task = TASKS["steps and targets"]
    sequence = maker(task).sequence_model()
    past = batch(task)[0]
    changed = past.copy()
    changed[:, 15:] += 1.0
    for name, output in sequence(past).items():
        before, after = np.asarray(output), np.asarray(sequence(changed)[name])
        np.testing.assert_allclose(after[:, :15], before[:, :15], atol=1e-6, err_msg=name)
        assert (np.abs(after[:, 15:] - before[:, 15:]) > 1e-6).any()


@pytest.mark.parametrize(
    ("maker", "steps"), [(make_with_stride, [3, 8, 13, 18, 23]), (make_with_features, [13, 18, 23])]
)
def test_with_a_stride_no_step_sees_a_later_one(maker, steps):
    task = TASKS["steps and targets"]
    sequence, past = maker(task).sequence_model(), batch(task)[0]
    for name, output in sequence(past).items():
        assert output.shape[1] == len(steps)
        for place, step in enumerate(steps):
            changed = past.copy()
            changed[:, step + 1 :] += 1.0
            after = np.asarray(sequence(changed)[name])
            np.testing.assert_array_equal(
                after[:, : place + 1], np.asarray(output)[:, : place + 1], err_msg=name
            )
            assert (after[:, place + 1 :] != np.asarray(output)[:, place + 1 :]).any() or step == steps[-1]


def test_the_trainer_scores_the_steps_of_the_stride_against_their_own_truths():
    task = TASKS["steps and targets"]
    model, loss = described(make_with_features(task)), SquaredError()
    past, truth = batch(task, dense=True)  # from step 10 on
    trainer = Trainer(model, loss, dense_from=10)
    output = model.sequence_model()(past)
    objective, at = Objective(model, loss), [3, 8, 13]  # of the steps from 10 on: 13, 18 and 23
    known = np.nan_to_num(truth[:, at])
    losses = np.asarray(objective(known, output, past[:, [13, 18, 23]][:, :, None, task.target_indices]))
    seen = np.isfinite(truth[:, at])
    scored = trainer(past, training=True)["forecast"]
    assert scored.shape == output["forecast"].shape
    found = float(trainer.compute_loss(past, truth, output))
    assert found == pytest.approx(losses[seen].mean(), rel=1e-5)
    trainer = Trainer(model, loss, dense_from=15)  # leaves out the forecast at step 13
    assert trainer(past, training=True)["spike"].shape[1] == 2


def test_the_backward_direction_serves_each_step():
    task = TASKS["steps and targets"]
    model, past = make_with_features(task), batch(task)[0]
    before = np.asarray(model.sequence_model()(past)["spike"])
    for variable in model.get_layer("backward").trainable_variables:
        variable.assign(variable * 0.5)
    after = np.asarray(model.sequence_model()(past)["spike"])
    assert (after != before).any(axis=(0, 2, 3)).all()


def test_a_window_shorter_than_its_stride_and_reaches_is_forecast():
    task = replace(TASKS["one step"], lookback=4)
    options = {"stride": 10, "backward_steps": 30, "trained_steps": 50}
    model = make_causal(task, **options, window_features=window_features(task))
    assert model(batch(task)[0])["spike"].shape == (5, 1, 1)


@pytest.mark.parametrize("maker", [make_causal, make_with_stride, make_with_features])
def test_the_last_step_of_the_sequence_is_the_forecast(maker):
    task = TASKS["steps and targets"]
    model = maker(task)
    past = batch(task)[0]
    for name, output in model(past).items():
        np.testing.assert_allclose(model.sequence_model()(past)[name][:, -1], output, atol=1e-6, err_msg=name)


def test_the_backward_direction_adds_to_the_last_step_only():
    task = TASKS["steps and targets"]
    model = make_causal(task)
    past = batch(task)[0]
    before = np.asarray(model.sequence_model()(past)["spike"])
    for variable in model.get_layer("backward").trainable_variables:
        variable.assign(variable * 0.5)
    after = np.asarray(model.sequence_model()(past)["spike"])
    np.testing.assert_array_equal(after[:, :-1], before[:, :-1])
    assert (after[:, -1] != before[:, -1]).any()


def test_the_backward_direction_reads_the_newest_steps():
    model = make_causal(TASKS["one step"], backward_steps=4)
    assert model.get_layer("backward").input.shape[1] == 4
    assert make_causal(TASKS["one step"], backward_steps=99).get_layer("backward").input.shape[1] == 24


def test_it_has_no_forecast_of_earlier_steps():
    with pytest.raises(ValueError, match="supervision=last"):
        make(TASKS["one step"]).sequence_model()


@pytest.mark.parametrize("focus", [0.0, 2.0])
def test_the_joint_loss_is_the_values_plus_the_weighted_focal_crossentropy(focus):
    task = TASKS["steps and targets"]
    model, loss = described(make(task, spike_focus=focus)), SquaredError()
    past, truth = batch(task)
    truth = np.nan_to_num(truth)
    rng = np.random.default_rng(3)
    output = {name: rng.normal(size=truth.shape).astype("float32") for name in ("forecast", "spike")}
    objective = Objective(model, loss)
    found = np.asarray(objective(truth, output, objective.origin(past)))
    for window in range(len(past)):
        for step in range(task.horizon):
            for place, channel in enumerate(task.target_indices):
                y, f, z = (a[window, step, place] for a in (truth, output["forecast"], output["spike"]))
                spike = y - past[window, -1, channel] > CARD["spike"]["threshold_scaled"][place]
                p = 1 / (1 + np.exp(-z))
                happened = p if spike else 1 - p
                expected = (y - f) ** 2 - 0.7 * (1 - happened) ** focus * np.log(happened)
                assert found[window, step, place] == pytest.approx(expected, rel=1e-4)


def test_dense_origins_are_those_of_each_step():
    task = TASKS["steps and targets"]
    model = described(make(task))
    past, truth = batch(task, dense=True)
    origin = np.asarray(Objective(model, SquaredError()).origin(past, truth.shape[1]))
    np.testing.assert_array_equal(origin[:, :, 0], past[:, 10:, [2, 0]])


def test_the_spike_weighted_loss_counts_a_spike_several_times_and_batches_by_parts():
    loss = SpikeWeighted(weight=4.0)
    truth, forecast = np.array([1.0, 2.0]), np.array([0.0, 0.0])
    np.testing.assert_allclose(loss(truth, forecast, np.array([True, False])), [4.0, 4.0])
    np.testing.assert_allclose(loss(truth, forecast, np.array([False, True])), [1.0, 16.0])
    with pytest.raises(ValueError, match="which truths are spikes"):
        loss(truth, forecast)
    with pytest.raises(ValueError, match="weight=0"):
        SpikeWeighted(weight=0)


@pytest.mark.parametrize("loss", [AbsoluteError(), SpikeWeighted()])
def test_without_a_threshold_it_says_what_to_set(loss):
    model = make(TASKS["one step"])
    with pytest.raises(ValueError, match=r"set spike\.threshold"):
        Objective(model, loss)


@pytest.mark.parametrize(
    "wrong",
    [
        {"filters": 9},
        {"spike_weight": -1.0},
        {"window_features": {}},
        {"statistics": STATISTICS, "stride": 5, "causal": True},
        {"causal": False, "stride": 5},
    ],
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        make(TASKS["one step"], **wrong)
