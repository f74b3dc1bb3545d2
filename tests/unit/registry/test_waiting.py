"""A retrained version that must be a shadow first waits, and replaces the champion if it was no worse by then."""

import json

import numpy as np
import pytest

from tests.helpers.learner_process import forecast, make_learner, make_learning_model, observe
from tests.helpers.serving_case import make_model, register
from tsforecast.registry.options import PromotionOptions
from tsforecast.registry.waiting import WAITING, settle_waiting, wait_for_shadow


@pytest.fixture
def registry(tmp_path):
    """A registry whose champion v0001 has a retrained version v0002 that waits."""
    registry = register(tmp_path, make_model())
    make_model(bias=1.0).save(tmp_path / "model.keras")
    folder = tmp_path / "work"
    folder.mkdir()
    version = registry.add(
        tmp_path / "model.keras",
        config="seed: 1",
        result={"model": "nlinear"},
        lineage={"run": str(folder), "parent": "v0001", "kind": "retraining"},
    )
    outcome = {**wait_for_shadow(version, "RMSE 1.0, champion 1.1", 0.05), "champion": "v0001", "rows": 100}
    (folder / "retraining.json").write_text(json.dumps(outcome))
    return registry


def be_shadow(registry):
    """Score both on 100 minutes, with equal forecasts."""
    champion, shadow = make_learning_model("v0001"), make_learning_model("v0002")
    learner = make_learner(registry.path / "live" / "journal.db", champion, shadow)
    for minute in range(100):
        forecast(learner, champion, [minute], np.random.default_rng(minute))
        forecast(learner, shadow, [minute], np.random.default_rng(minute), is_shadow=True)
        observe(learner, champion, minute, 2.0, shadow)
    learner.close()


def settle(registry, days):
    options = PromotionOptions(shadow_days=days, journal=None)
    return settle_waiting(registry, registry.champion(), options)


def stored(registry):
    return json.loads((registry.path.parent / "work" / "retraining.json").read_text())


def test_a_version_waits_until_it_has_the_days_that_are_asked_for(registry):
    assert "is stored; promotion.shadow_days asks for 0.05 days" in stored(registry)["why"]
    outcome = settle(registry, 0.05)
    assert (outcome["outcome"], outcome["rows"], registry.champion_name()) == (WAITING, 100, "v0001")
    assert "has 0.00 days of scores as a shadow" in outcome["why"]
    be_shadow(registry)
    assert settle(registry, 2)["outcome"] == WAITING
    outcome = settle(registry, 0.05)
    assert outcome["outcome"] == "promoted"
    assert outcome["why"] == "v0002 replaces v0001 after 0.05 days as a shadow."
    assert (outcome["champion"], registry.champion_name()) == ("v0002", "v0002")
    assert stored(registry) == outcome
    assert settle(registry, 0.05) is None


def test_a_version_that_was_worse_as_a_shadow_is_refused(registry, monkeypatch):
    be_shadow(registry)
    from tsforecast.registry import waiting
    from tsforecast.registry.shadow import ShadowScores

    scores = ShadowScores(1.0, {"load": (193, 0.6, 0.5)})
    monkeypatch.setattr(waiting, "read_shadow_scores", lambda *arguments: scores)
    outcome = settle(registry, 0.05)
    assert (outcome["outcome"], registry.champion_name()) == ("refused", "v0001")
    assert (
        outcome["why"]
        == "v0002 was worse as a shadow: RMSE 0.6000 kW for load in 193 forecasts, v0001 0.5000 kW."
    )
    assert settle(registry, 0.05) is None


def test_a_version_need_not_wait_once_nothing_is_asked_for(registry):
    assert settle(registry, 0)["outcome"] == "promoted"


def test_without_a_waiting_version_there_is_nothing_to_settle(tmp_path):
    assert settle(register(tmp_path, make_model(), make_model(bias=1.0)), 1) is None
