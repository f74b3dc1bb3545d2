"""What a run tells of its rules: where each fired, and the error there with it and without it."""

import numpy as np
import pytest

from tsforecast.data.dataset import build_dataset
from tsforecast.data.series import Series
from tsforecast.evaluation.rule_effects import rule_effects
from tsforecast.inference.predict import forecast
from tsforecast.models.rule_based import RuleBased
from tsforecast.models.task import Task
from tsforecast.reporting import Report
from tsforecast.reporting.elements import Table
from tsforecast.reporting.sections import rules as rules_section
from tsforecast.rules.parse import parse_rules
from tsforecast.rules.resolve import DataFacts, resolve_rules

RULES = [
    {"name": "high", "when": {"level": {"above": 7.0}}, "then": "hold", "trust": 0.8},
    {"name": "never", "when": {"level": {"above": 99.0}}, "then": "hold"},
]


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    values = (5 + np.sin(np.arange(600) / 9) * 3 + rng.normal(size=600))[:, None]
    series = Series(
        time=np.datetime64("2024-01-01", "s") + 60 * np.arange(600),
        values=values,
        features=("load",),
        targets=("load",),
        season=1440,
    )
    split = {"train": 0.6, "val": 0.2, "test": 0.2}
    data = build_dataset(series, lookback=6, lead=2, horizon=1, stride=1, split=split)
    task = Task(lookback=6, channels=1, lead=2, horizon=1, target_indices=(0,))
    model = RuleBased(
        task, resolve_rules(parse_rules(RULES, 6), DataFacts.from_dataset(data)), units=(3,), dense_units=()
    )
    return data, model, values[:, 0]


def test_a_row_tells_where_a_rule_fired_and_the_error_with_and_without_it(case):
    data, model, values = case
    high, never = rule_effects(model, data)
    windows = data.windows("test")
    fired = values[windows.ends] > 7.0
    assert (high["rule"], high["fired"], high["changed"]) == ("high", fired.sum(), fired.sum())
    assert high["trust"] == pytest.approx(0.8)
    assert high["share"] == pytest.approx(fired.mean())
    with_rule = data.scaler.inverse_targets(forecast(model, windows))[:, 0, 0]
    # forecast = 0.2 net + 0.8 last, so the net's own is found by turning it round.
    net = (with_rule - 0.8 * values[windows.ends]) / 0.2
    truth = values[windows.ends + 2]
    for name, found in (("rmse_with", with_rule), ("rmse_without", net)):
        expected = np.sqrt(np.mean((found - truth)[fired] ** 2))
        assert high[name] == pytest.approx(expected, rel=1e-4)
    assert never == {
        "rule": "never",
        "trust": pytest.approx(0.5),
        "fired": 0,
        "share": 0.0,
        "changed": None,
        "rmse_with": None,
        "rmse_without": None,
    }
    [section] = rules_section.build(Report(title="", result={"rules": [high, never], "unit": "kW"}))
    assert section.heading == "Rules"
    assert section.elements == [Table.from_records([high, never])]
    assert "RMSE (kW)" in section.note


def test_a_model_without_rules_has_none_to_tell_of(case):
    assert rule_effects(object(), case[0]) == []
    assert rules_section.build(Report(title="", result={"rules": [], "unit": "kW"})) == []
