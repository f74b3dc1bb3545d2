"""Learning rates at the steps that name them."""

import keras
import numpy as np
import pytest

from tsforecast.training import schedules

PEAK, STEPS = 3e-3, 200


def rates(schedule):
    return np.array([float(keras.ops.convert_to_numpy(schedule(step))) for step in range(STEPS + 1)])


def test_constant():
    assert schedules.constant(PEAK, None) == PEAK


def test_cosine_rises_to_the_peak_and_falls_to_the_final_share():
    found = rates(schedules.cosine(PEAK, STEPS, warmup_share=0.1, final_share=0.01))
    assert found[0] == 0
    np.testing.assert_allclose(found[:21], np.linspace(0, PEAK, 21), rtol=1e-5, atol=1e-9)
    assert found.argmax() == 20
    assert found[-1] == pytest.approx(0.01 * PEAK, rel=1e-4)
    half = PEAK * (0.01 + 0.99 * 0.5)
    assert found[20 + 90] == pytest.approx(half, rel=1e-4)
    assert (np.diff(found[20:]) <= 0).all()


def test_cosine_without_warm_up_starts_at_the_peak():
    found = rates(schedules.cosine(PEAK, STEPS, warmup_share=0.0, final_share=0.0))
    assert found[0] == pytest.approx(PEAK)
    assert found[-1] == pytest.approx(0, abs=1e-9)


def test_exponential_reaches_the_final_share_at_the_last_step():
    found = rates(schedules.exponential(PEAK, STEPS, final_share=0.01))
    np.testing.assert_allclose(found, PEAK * 0.01 ** (np.arange(STEPS + 1) / STEPS), rtol=1e-4)


def test_exponential_stairs_halve_the_rate_after_each_tenth():
    found = rates(schedules.exponential(PEAK, STEPS, final_share=2.0**-9, stairs=10))[:-1]
    np.testing.assert_allclose(found, PEAK * 0.5 ** np.repeat(np.arange(10), STEPS // 10), rtol=1e-4)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_rate_is_that_of_the_update_however_many_batches_it_takes(accumulate):
    schedule = schedules.cosine(0.1, 10, warmup_share=0.5, final_share=0.0)
    steps = accumulate if accumulate > 1 else None
    optimizer = keras.optimizers.SGD(
        schedules.to_update_schedule(schedule, accumulate), gradient_accumulation_steps=steps
    )
    variable = keras.Variable([1.0])
    moves = []
    for batch in range(10 * accumulate):
        before = float(variable.value[0])
        optimizer.apply([keras.ops.ones((1,))], [variable])
        if (batch + 1) % accumulate:
            assert float(variable.value[0]) == before
        else:
            moves.append(before - float(variable.value[0]))
    np.testing.assert_allclose(moves, rates(schedule)[:10], atol=1e-6)


def test_a_schedule_over_updates_comes_back_from_its_config():
    made = schedules.to_update_schedule(schedules.cosine(0.1, 10, warmup_share=0.5, final_share=0.1), 4)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(made))
    np.testing.assert_array_equal(rates(again), rates(made))
    assert schedules.to_update_schedule(0.1, 4) == 0.1


def test_a_schedule_by_the_clock_follows_the_share_of_the_minutes():
    timed = schedules.to_time_schedule(schedules.exponential(PEAK, schedules.TIME_STEPS, final_share=0.01))
    optimizer = keras.optimizers.SGD(timed)
    variable = keras.Variable([1.0])
    for share in (0.0, 0.25, 1.0, 0.25):  # whatever the number of steps by then
        timed.share.assign(share)
        before = float(variable.value[0])
        optimizer.apply([keras.ops.ones((1,))], [variable])
        assert before - float(variable.value[0]) == pytest.approx(PEAK * 0.01**share, rel=1e-3)
    assert schedules.to_time_schedule(0.1) == 0.1
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(timed))
    assert again.get_config() == timed.get_config()
