import itertools
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.series_factory import make_series
from tsforecast.data.batches import batches, numpy_batches, steps_per_epoch, tf_dataset
from tsforecast.data.dataset import build_dataset
from tsforecast.errors import UserError

SPLIT = {"train": 0.6, "val": 0.2, "test": 0.2}


def windows_of(part="train", rows=120):
    values = np.random.default_rng(0).standard_normal((rows, 2))
    values[::7, 0] = np.nan
    dataset = build_dataset(make_series(values=values), lookback=6, lead=3, horizon=2, stride=1, split=SPLIT)
    return dataset.windows(part)


def take(stream, count):
    return [(np.array(x), np.array(y)) for x, y in itertools.islice(iter(stream), count)]


def assert_same(first, second):
    assert len(first) == len(second) > 0
    for (x, y), (x2, y2) in zip(first, second, strict=True):
        assert x.dtype == x2.dtype == y.dtype == y2.dtype == np.float32
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(y, y2)


@settings(deadline=None, max_examples=40)
@given(
    start=st.integers(0, 60), batch_size=st.integers(1, 30), seed=st.integers(0, 99), shuffle=st.booleans()
)
def test_a_resumed_stream_is_the_rest_of_the_uninterrupted_one(start, batch_size, seed, shuffle):
    options = {"batch_size": batch_size, "seed": seed, "shuffle": shuffle}
    whole = take(batches(windows_of(), **options), start + 5)
    assert_same(whole[start:], take(batches(windows_of(), **options, start_step=start), 5))


def test_an_epoch_holds_each_window_once_and_epochs_differ():
    windows = windows_of()
    steps = steps_per_epoch(windows, 1)
    stream = take(batches(windows, batch_size=1, seed=3), 2 * steps)
    plain = take(batches(windows, batch_size=1, seed=3, shuffle=False, repeat=False), 10**6)
    assert len(plain) == len(windows) == steps
    keys = [x.tobytes() for x, _ in stream]
    assert sorted(keys[:steps]) == sorted(keys[steps:]) == sorted(x.tobytes() for x, _ in plain)
    assert keys[:steps] != keys[steps:]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in plain]), windows.inputs(windows.ends))


@pytest.mark.parametrize("part", ["train", "val"])
@pytest.mark.parametrize("dense_from", [None, 2])
@pytest.mark.parametrize("start", [0, 4, 23])
def test_all_pipelines_yield_the_same(part, dense_from, start):
    options = {"batch_size": 5, "seed": 1, "start_step": start, "dense_from": dense_from}
    plain = take(batches(windows_of(part), **options), 30)
    shape = (5, 2, 1) if dense_from is None else (5, 4, 2, 1)
    assert plain[0][0].shape == (5, 6, 2)
    assert plain[0][1].shape == shape
    dataset = tf_dataset(windows_of(part), **options)
    assert tuple(dataset.element_spec[1].shape) == shape
    assert_same(plain, take(dataset, 30))
    threaded = numpy_batches(windows_of(part), **options)
    assert_same(plain, take(threaded, 30))
    threaded.close()


def test_one_epoch_ends_alike_in_all_pipelines():
    options = {"batch_size": 5, "seed": 1, "start_step": 4, "repeat": False}
    plain = take(batches(windows_of(), **options), 100)
    assert len(plain) == steps_per_epoch(windows_of(), 5) - 4
    assert_same(plain, take(numpy_batches(windows_of(), **options), 100))
    dataset = tf_dataset(windows_of(), **options)
    assert int(dataset.cardinality()) == len(plain)
    assert_same(plain, take(dataset, 100))


def test_the_thread_ends_with_its_stream():
    before = threading.active_count()
    stream = numpy_batches(windows_of(), batch_size=5, seed=1)
    next(stream)
    assert threading.active_count() == before + 1
    stream.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("pipeline", [batches, numpy_batches, tf_dataset])
@pytest.mark.parametrize(("batch_size", "message"), [(1000, "only 63 windows"), (0, "batch_size is 0")])
def test_impossible_batches_are_refused(pipeline, batch_size, message):
    with pytest.raises(UserError, match=message):
        take(pipeline(windows_of(), batch_size=batch_size, seed=0), 1)
