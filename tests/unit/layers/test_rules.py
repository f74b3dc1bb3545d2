"""The rule layers against a slow plain reading of the same rules, at every step of the window."""

import keras
import numpy as np
import pytest

from tests.helpers.rule_case import CURVES, acted, curved, days, facts, holds
from tsforecast.layers.rules import RuleActions, RuleConditions
from tsforecast.rules.parse import parse_rules
from tsforecast.rules.resolve import resolve_rules

CONDITIONS = {
    "level": {"level": {"above": 1.55}},
    "between": {"level": {"above": 237.05, "below": 241.95, "feature": "voltage"}},
    "jump": {"jump": {"steps": 4, "above": 0.75}},
    "fall": {"jump": {"steps": 1, "below": -0.45}},
    "zscore": {"zscore": {"above": 1.2}},
    "flat": {"flat": {"steps": 4}},
    "nearly_flat": {"flat": {"steps": 3, "tolerance": 0.55}},
    "day": {"time_of_day": {"from": "06:30", "to": "18:00"}},
    "night": {"time_of_day": {"from": "22:00", "to": "05:00"}},
    "mixed": {
        "any": [
            {"all": [{"level": {"above": 0.95}}, {"not": {"flat": {"steps": 2}}}]},
            {"zscore": {"below": -1.5}},
        ]
    },
}
ACTIONS = {
    "hold": "hold",
    "clip": {"clip": {"low": 0.3, "high": 2.0}},
    "ramp": {"ramp": {"up": 0.1, "down": 0.2}},
    "seasonal": "seasonal",
}


def case(rule, seed=0, windows=12, method="linear"):
    known = facts(scaler=curved(method))
    parsed = parse_rules([{"name": "r", "when": "always", "then": "hold", **rule}], known.lookback)
    raw, scaled, minute = days(np.random.default_rng(seed), windows, known.lookback, known)
    return known, parsed[0], resolve_rules(parsed, known), raw, scaled, minute


IN_UNITS = [name for name in CONDITIONS if name not in ("zscore", "mixed")]  # z-scores are of scaled values


@pytest.mark.parametrize(
    ("name", "method"),
    [(name, "linear") for name in CONDITIONS]
    + [(name, method) for name in IN_UNITS for method in CURVES if method != "linear"],
)
def test_conditions_hold_where_a_plain_reading_says_so(name, method):
    _, parsed, rules, raw, scaled, minute = case({"when": CONDITIONS[name]}, method=method)
    held = np.asarray(RuleConditions(rules)(scaled))[..., 0]
    expected = [
        [holds(parsed["when"], window, clock, step) for step in range(len(window))]
        for window, clock in zip(raw, minute, strict=True)
    ]
    assert 0 < np.mean(expected) < 1
    np.testing.assert_array_equal(held, expected)


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_look_back_only(name):
    _, _, rules, _, scaled, _ = case({"when": CONDITIONS[name]})
    layer, changed = RuleConditions(rules), scaled.copy()
    changed[:, 25:] += 1.7
    np.testing.assert_array_equal(np.asarray(layer(scaled))[:, :25], np.asarray(layer(changed))[:, :25])


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize(("steps", "method"), [(1, "linear"), (30, "linear"), (30, "asinh"), (30, "log1p")])
def test_actions_move_the_forecast_by_the_trust(name, steps, method):
    known, parsed, rules, raw, scaled, _ = case({"then": ACTIONS[name], "trust": 0.25}, method=method)
    rules = [{**rule, "channel": 0} for rule in rules]
    rng = np.random.default_rng(1)
    forecast = rng.uniform(-1, 4, (len(raw), steps, known.horizon))
    scaled_forecast = known.scaler.transform(forecast, 0).astype(np.float32)[..., None]
    held = RuleConditions(rules)(scaled)
    out = np.asarray(RuleActions(rules, known.lead)(scaled_forecast, held, scaled))[..., 0]
    for window in range(len(raw)):
        for place in range(steps):
            step = known.lookback - steps + place
            plain = forecast[window, place]
            wanted = acted(parsed["then"], plain, raw[window], step, known)
            plain = known.scaler.transform(plain, 0)
            moved = plain if wanted is None else known.scaler.transform(np.array(wanted), 0)
            np.testing.assert_allclose(out[window, place], 0.75 * plain + 0.25 * moved, atol=1e-5)


def test_rules_apply_in_their_order_each_on_what_the_one_before_left():
    known = facts()
    rules = [
        {"name": "first", "when": "always", "then": {"clip": {"high": 2.0}}, "trust": 0.5},
        {"name": "second", "when": "always", "then": {"clip": {"high": 1.0}}, "trust": 0.5},
    ]
    rules = [{**r, "channel": 0} for r in resolve_rules(parse_rules(rules, known.lookback), known)]
    past = np.zeros((1, known.lookback, 4), np.float32)
    forecast = np.full((1, 1, 2, 1), known.scaler.transform(4.0, 0), np.float32)
    out = np.asarray(RuleActions(rules, known.lead)(forecast, RuleConditions(rules)(past), past))
    # By hand: 4 -> half-way to 2 is 3 -> half-way to 1 is 2.
    np.testing.assert_allclose(known.scaler.inverse_targets(out), 2.0, atol=1e-6)


@pytest.mark.parametrize("name", ACTIONS)
def test_quantiles_keep_their_order(name):
    known, _, rules, raw, scaled, _ = case({"then": ACTIONS[name], "trust": 0.9})
    rules = [{**rule, "channel": 0} for rule in rules]
    forecast = np.sort(np.random.default_rng(2).normal(0, 3, (len(raw), 1, 2, 1, 3)), axis=-1).astype(
        "float32"
    )
    out = np.asarray(RuleActions(rules, known.lead)(forecast, RuleConditions(rules)(scaled), scaled))
    assert (np.diff(out, axis=-1) >= 0).all()


def test_trust_learns_and_layers_save():
    known, _, rules, _, scaled, _ = case({"when": CONDITIONS["level"], "then": "hold"})
    rules = [{**rule, "channel": 0} for rule in rules]
    layer = RuleActions(rules, known.lead)
    forecast = np.ones((len(scaled), 1, 2, 1), np.float32)
    held = RuleConditions(rules)(scaled)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = keras.ops.mean(layer(forecast, held, scaled) ** 2)
    [gradient] = tape.gradient(loss, layer.trainable_variables)
    assert np.isfinite(gradient.numpy()).all()
    assert np.abs(gradient.numpy()).max() > 0
    assert layer.trusts() == pytest.approx([0.5])
    for made in (layer, RuleConditions(rules)):
        again = type(made).from_config(made.get_config())
        assert again.get_config() == made.get_config()
