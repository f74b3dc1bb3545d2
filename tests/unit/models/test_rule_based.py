import keras
import numpy as np
import pytest

from tests.helpers.model_checks import (
    ENCODING,
    TASKS,
    batch,
    check_causality,
    check_saving,
    check_shapes_and_order,
    check_training,
)
from tsforecast.models.rule_based import RuleBased
from tsforecast.models.task import Task


def rules_for(task):
    """Rules as ``resolve_rules`` leaves them: one on each target, one that looks back, one seasonal."""
    back = [task.season * -(-(task.lead + h) // task.season) - task.lead - h for h in range(task.horizon)]
    last = len(task.target_indices) - 1
    always = {"kind": "always"}
    high = {"kind": "level", "channel": 1, "above": 0.3, "below": None}
    return [
        {
            "name": "clip",
            "target": 0,
            "trust": 0.5,
            "when": always,
            "then": {"kind": "clip", "low": -0.4, "high": None},
        },
        {"name": "hold", "target": last, "trust": 0.3, "when": high, "then": {"kind": "hold"}},
        {
            "name": "season",
            "target": last,
            "trust": 0.6,
            "when": high,
            "then": {"kind": "seasonal", "back": back},
        },
        {
            "name": "ramp",
            "target": 0,
            "trust": 0.5,
            "when": always,
            "then": {"kind": "ramp", "up": 0.05, "down": None},
        },
    ]


def make(task, rules=None):
    rules = rules_for(task) if rules is None else rules
    return RuleBased(task, rules, units=(5,), dense_units=(6, 4), encoding=ENCODING)


def test_shapes():
    for task in TASKS.values():
        values = np.asarray(make(task)(batch(task)[0]))
        if task.quantile_levels:
            assert (np.diff(values, axis=-1) >= 0).all()
    check_shapes_and_order(lambda task: make(task, rules=[]))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_saving(tmp_path, policy):
    check_saving(make, tmp_path, policy)


def test_training():
    check_training(make, dense=True)


def test_causality():
    check_causality(make)


def test_the_users_widths_give_this_many_parameters():
    task = Task(lookback=100, channels=12, lead=10, horizon=1, target_indices=(0,))
    lstm, dense = 4 * 32 * (12 + 32 + 1), (32 * 64 + 64) + (64 * 32 + 32) + (32 + 1)
    assert RuleBased(task).count_params() == lstm + dense
    assert RuleBased(task, rules_for(task)).count_params() == lstm + dense + 4


def test_leaving_a_rule_out_is_the_model_without_it():
    task = TASKS["steps and targets"]
    model, rules = make(task), rules_for(task)
    past, _ = batch(task)
    whole, trusts = np.asarray(model(past)), model.trusts()
    for place in range(4):
        other = make(task, rules[:place] + rules[place + 1 :])
        weights = model.get_weights()
        [index] = [i for i, variable in enumerate(model.weights) if "trust_logits" in variable.path]
        weights[index] = np.delete(weights[index], place)
        other.set_weights(weights)
        with model.disable_rule(place):
            np.testing.assert_allclose(np.asarray(model(past)), np.asarray(other(past)), atol=1e-6)
    np.testing.assert_array_equal(np.asarray(model(past)), whole)
    assert model.trusts() == trusts


def test_conditions_are_those_of_the_last_step():
    task = TASKS["one step"]
    model, (past, _) = make(task), batch(task)
    held = np.asarray(model.conditions_model()(past))
    assert held.shape == (5, 4)
    np.testing.assert_array_equal(held[:, 1], past[:, -1, 1] > 0.3)
    assert model.trusts() == pytest.approx([0.5, 0.3, 0.6, 0.5])
    assert keras.backend.is_float_dtype(model(past).dtype)
