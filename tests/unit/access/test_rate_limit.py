from tsforecast.access import rate_limit
from tsforecast.access.rate_limit import RateLimit


def test_a_client_may_ask_as_often_as_stated_and_others_are_not_affected():
    now = [0.0]
    limit = RateLimit(60, clock=lambda: now[0])
    assert [limit.wait_seconds("a") for _ in range(61)] == [0] * 60 + [1]
    assert limit.wait_seconds("b") == 0
    now[0] += 2.0
    assert [limit.wait_seconds("a") for _ in range(3)] == [0, 0, 1]


def test_the_number_of_clients_that_are_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(rate_limit, "MAX_CLIENTS", 3)
    limit = RateLimit(1, clock=lambda: 0.0)
    for name in "abcd":
        limit.wait_seconds(name)
    assert len(limit._buckets) == 3
    assert limit.wait_seconds("d") == 60
