"""Days of scores as a shadow, which promotion can ask for."""

import numpy as np
import pytest

from tests.helpers.learner_process import forecast, make_learner, make_learning_model, observe
from tests.helpers.serving_case import LEAD, make_model, register
from tsforecast.errors import UserError
from tsforecast.registry.options import PromotionOptions
from tsforecast.registry.shadow import check_shadow, read_shadow_scores


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry whose champion v0001 was in service for 100 minutes, with v0002 as its shadow."""
    registry = register(tmp_path_factory.mktemp("shadow"), make_model(), make_model(bias=1.0))
    registry.promote("v0001", "test")
    champion, shadow = make_learning_model("v0001"), make_learning_model("v0002")
    path = registry.path / "live" / "journal.db"
    learner = make_learner(path, champion, shadow)
    rng = np.random.default_rng(0)
    for minute in range(100):
        forecast(learner, champion, [minute], rng)
        forecast(learner, shadow, [minute], rng, is_shadow=True)
        observe(learner, champion, minute, 2.0, shadow)
    learner.close()
    return registry


def options(days, journal=None):
    return PromotionOptions(shadow_days=days, journal=journal)


def test_steps_that_were_scored_count_as_days(registry):
    scores = read_shadow_scores(registry.path / "live/journal.db", registry.version("v0002"), "v0001")
    assert scores.days == pytest.approx((100 - LEAD) / 1440)
    count, shadow, champion = scores.errors["load"]
    assert count == 2 * (100 - LEAD) - 1
    assert 0.1 < shadow != champion < 1


def test_too_few_days_are_refused(registry):
    with pytest.raises(
        UserError, match=r"v0002 .* 0\.07 days of scores as a shadow.* asks for 2: run job=serve"
    ):
        check_shadow(registry, "v0002", options(2))


def test_enough_days_are_described(registry):
    sentence = check_shadow(registry, "v0002", options(0.05))
    assert sentence.startswith("load in 193 forecasts as a shadow: RMSE ")
    assert ", v0001 " in sentence
    assert sentence.count("\n") == 1


def test_nothing_is_asked_of_the_champion_or_by_default(registry, tmp_path):
    assert check_shadow(registry, "v0002", options(0)) == ""
    assert check_shadow(registry, "v0001", options(2)) == ""


def test_a_service_without_journal_is_refused(registry, tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        check_shadow(registry, "v0002", options(1, str(tmp_path / "other.db")))


def test_before_any_service_there_are_no_scores(tmp_path):
    registry = register(tmp_path, make_model(), make_model(bias=1.0))
    with pytest.raises(UserError, match=r"v0001 is registered and has 0\.00 days"):
        check_shadow(registry, "v0001", options(1))
