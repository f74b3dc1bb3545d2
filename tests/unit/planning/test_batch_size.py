"""The batch size that is chosen, and the runs that are rejected."""

import types

import pytest

from tsforecast.errors import UserError
from tsforecast.planning import batch_size
from tsforecast.planning.activations import Activations
from tsforecast.planning.memory import MemoryEstimate
from tsforecast.training.options import TrainingOptions

GB = 10**9


@pytest.fixture
def estimate():
    """A hundred megabytes plus one megabyte per window."""
    activations = Activations(kept=900_000, work=90_000, worst="x", infer=1, values=1, uses=())
    return MemoryEstimate(1, 0, 0, 0, window=10_000, activations=activations, resident=0, program=100_000_000)


def training(batch_size, accumulate_steps=1):
    return types.SimpleNamespace(batch_size=batch_size, accumulate_steps=accumulate_steps)


def check(options, estimate, available):
    batch_size.check_batch_size(options, estimate, model="lstm", available=available)


def test_auto_is_the_largest_power_of_two_that_fits(estimate):
    assert estimate.largest_batch(GB) == 820
    assert batch_size.largest_batch_size(estimate, GB, windows=10**6) == 512


def test_auto_leaves_a_minimum_number_of_steps_per_epoch(estimate):
    assert batch_size.largest_batch_size(estimate, 100 * GB, windows=3200) == 64


def test_auto_needs_to_know_the_memory_and_needs_some(estimate):
    with pytest.raises(UserError, match=r"set device\.memory_gb"):
        batch_size.largest_batch_size(estimate, None, windows=10**6)
    with pytest.raises(UserError, match="Not even one window"):
        batch_size.largest_batch_size(estimate, GB / 10, windows=10**6)


def test_a_batch_that_fits_is_accepted(estimate):
    check(training(820), estimate, GB)


def test_a_batch_that_does_not_fit_is_rejected_with_one_that_does(estimate):
    with pytest.raises(UserError, match=r"training\.batch_size=512 training\.accumulate_steps=4") as refused:
        check(training(1024, accumulate_steps=2), estimate, GB)
    assert "lstm with training.batch_size=1024 needs 1.1 GB" in str(refused.value)


def test_a_model_that_never_fits_is_rejected_without_advice_on_batches(estimate):
    with pytest.raises(UserError, match="not even one window fits"):
        check(training(1), estimate, GB / 10)


def test_fitting_replaces_auto_and_keeps_a_number(estimate, capsys):
    options = TrainingOptions(
        **(dict.fromkeys(TrainingOptions.__dataclass_fields__) | {"batch_size": "auto"})
    )
    arguments = {"model": "lstm", "available": GB, "windows": 10**6}
    fitted = batch_size.fit_batch_size(options, estimate, **arguments)
    assert fitted.batch_size == 512
    assert "training.batch_size=auto: 512 windows, 612.0 MB of 1.0 GB" in capsys.readouterr().out
    assert batch_size.fit_batch_size(fitted, estimate, **arguments) == fitted
