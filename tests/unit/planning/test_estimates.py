"""The original estimates and the verdict on them."""

import pytest

from tsforecast.planning.estimates import user_estimates, verdict


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        (100, 100, "holds"),
        (100, 88, "holds"),
        (153_600_000, 153_600, "too high, 1,000 x"),
        (340_000, 269_825, "too high, 1.3 x"),
        (2.5e6, 36.5e6, "too low, 15 x"),
        (None, 1, ""),
        (5, None, ""),
    ],
)
def test_an_estimate_holds_within_15_percent(theirs, ours, expected):
    assert verdict(theirs, ours) == expected


def test_the_users_five_counts_add_up_to_about_their_total():
    counts = user_estimates()["params"]
    five = [counts[name] for name in user_estimates()["members"]]
    assert sum(five) == 1_675_000
    assert counts["ensemble"] == 1_670_000
