"""Which batch is taken, and which run is refused."""

import types

import pytest

from tsforecast.errors import UserError
from tsforecast.jobs import sizing
from tsforecast.planning.activations import Activations
from tsforecast.planning.memory import Memory

GB = 10**9


@pytest.fixture
def plan():
    """A hundred megabytes whatever the batch, and one more for each window."""
    held = Activations(kept=900_000, work=90_000, worst="x", infer=1, values=1, uses=())
    return Memory(1, 0, 0, 0, window=10_000, activations=held, resident=0, program=100_000_000)


def config(batch_size, accumulate_steps=1):
    training = types.SimpleNamespace(batch_size=batch_size, accumulate_steps=accumulate_steps)
    return types.SimpleNamespace(training=training, model={"_target_": "tsforecast.models.lstm.LSTM"})


def test_auto_takes_the_largest_power_of_two_that_fits(plan):
    assert plan.largest_batch(GB) == 820
    assert sizing.automatic(plan, GB, windows=10**6) == 512


def test_auto_leaves_an_epoch_its_steps(plan):
    assert sizing.automatic(plan, 100 * GB, windows=3200) == 64


def test_auto_wants_to_know_the_memory_and_to_have_some(plan):
    with pytest.raises(UserError, match=r"set device\.memory_gb"):
        sizing.automatic(plan, None, windows=10**6)
    with pytest.raises(UserError, match="Not even one window"):
        sizing.automatic(plan, GB / 10, windows=10**6)


def test_a_batch_that_fits_is_not_refused(plan):
    sizing.refuse_if_too_large(config(820), plan, GB)


def test_a_batch_that_cannot_fit_is_refused_with_the_one_that_would(plan):
    with pytest.raises(UserError, match=r"training\.batch_size=512 training\.accumulate_steps=4") as refused:
        sizing.refuse_if_too_large(config(1024, accumulate_steps=2), plan, GB)
    assert "needs 1.1 GB" in str(refused.value)


def test_a_model_that_never_fits_is_refused_without_advice_on_batches(plan):
    with pytest.raises(UserError, match="not even one window fits"):
        sizing.refuse_if_too_large(config(1), plan, GB / 10)
