"""A weighting is one file in the folder."""

import sys

import pytest

import tsforecast.ensemble.weightings as weightings
from tests.helpers.model_checks import TASKS
from tsforecast.ensemble.model import Ensemble
from tsforecast.models.nlinear import NLinear

FIRST = '''
"""All weight on the first member."""

import numpy as np

from tsforecast.ensemble.weighting import Weighting


class First(Weighting):
    """All weight on the first member."""

    def fit(self, fitting, holdout, *, loss, seed, log):
        self.layer.set(np.eye(self.members)[0])
'''


@pytest.fixture
def first(tmp_path, monkeypatch):
    (tmp_path / "first.py").write_text(FIRST)
    monkeypatch.setattr(weightings, "__path__", [*weightings.__path__, str(tmp_path)])
    yield
    sys.modules.pop("tsforecast.ensemble.weightings.first", None)


def test_weightings_are_ordered_from_simple_to_elaborate():
    assert weightings.order_weightings() == ["equal", "inverse_error", "static", "gating", "online"]


def test_a_new_weighting_is_one_file(first):
    assert "first" in weightings.list_weightings()
    assert weightings.order_weightings()[-1] == "first"
    task = TASKS["one step"]
    model = Ensemble(task, [NLinear(task), NLinear(task)], ["a", "b"], weighting="first")
    model.weighting.fit(None, None, loss=None, seed=0, log=print)
    assert not model.adaptive
    assert model.weighting.layer.logits.numpy().argmax() == 0


def test_a_file_without_a_weighting_is_refused(tmp_path, monkeypatch):
    (tmp_path / "empty.py").write_text("")
    monkeypatch.setattr(weightings, "__path__", [*weightings.__path__, str(tmp_path)])
    with pytest.raises(TypeError, match="must define one subclass of Weighting, not 0"):
        weightings.load_weighting("empty")
    sys.modules.pop("tsforecast.ensemble.weightings.empty", None)
