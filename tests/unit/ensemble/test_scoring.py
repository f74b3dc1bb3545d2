"""Outputs of one member among those of an ensemble."""

from types import SimpleNamespace

import numpy as np

from tsforecast.ensemble.scoring import _select_member


def test_spike_logits_are_those_of_members_with_a_spike_head_only():
    members = [SimpleNamespace(output={"forecast": None, "parameters": None})]  # a distribution
    members += [SimpleNamespace(output=None), SimpleNamespace(output={"forecast": None, "spike": None})]
    outputs = {"members": np.arange(6.0).reshape(2, 3, 1, 1), "member_spikes": np.ones((2, 1, 1, 1))}
    model = SimpleNamespace(members=members)
    selected = [_select_member(model, outputs, index) for index in range(3)]
    assert ["spike" in part for part in selected] == [False, False, True]
    assert [part["forecast"][0, 0, 0] for part in selected] == [0, 1, 2]
