"""How an exported file differs from the original."""

import numpy as np
import pytest

from tests.helpers.export_case import make_case
from tsforecast.export.parity import max_difference


@pytest.fixture(scope="module")
def case():
    return make_case()


def test_nan_or_a_missing_output_differs(case):
    _, metadata, _, expected = case
    nan = expected | {"spike": expected["spike"] * np.nan}
    assert not max_difference(expected, nan, metadata) <= 1e9
    assert not max_difference(expected, {"forecast": expected["forecast"]}, metadata) <= 1e9


def test_trees_may_jump_on_few_windows_and_networks_on_none(case):
    _, metadata, _, _ = case
    ours = {"forecast": np.zeros((100, 2, 1))}
    for jumps, passes in ((2, True), (4, False)):
        theirs = {"forecast": np.where(np.arange(100)[:, None, None] < jumps, 1.0, 0.0) * np.ones((1, 2, 1))}
        assert (max_difference(ours, theirs, metadata, trees=True) == 0.0) is passes
        assert max_difference(ours, theirs, metadata) > 0
