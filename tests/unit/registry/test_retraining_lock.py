"""Two retraining runs of one registry take turns."""

import pytest

from tests.unit.registry.test_retraining import SERIES, Reached, registry, retrain  # noqa: F401
from tsforecast.errors import UserError
from tsforecast.registry import Registry
from tsforecast.registry.retraining_lock import lock_retraining


def test_a_second_run_at_the_same_time_is_refused(registry):  # noqa: F811
    with lock_retraining(registry), pytest.raises(UserError, match="Another run retrains the champion of"):
        retrain(Registry(registry.path, wait_seconds=0.1), SERIES)
    with pytest.raises(Reached):
        retrain(registry, SERIES)
