"""How many parts a batch is cut into, and that the parts make up the batch."""

import numpy as np
import pytest
import tensorflow as tf

from tsforecast.errors import UserError
from tsforecast.inference import sharding
from tsforecast.inference.sharding import (
    check_shards,
    default_shards,
    join_parts,
    split_batch,
    usable_cores,
)


@pytest.mark.parametrize(
    ("rows", "cores", "shards"), [(32, 2, 2), (32, 8, 4), (256, 8, 8), (9, 4, 1), (1, 4, 1)]
)
def test_default_shards(rows, cores, shards):
    assert default_shards(rows, cores) == shards


def test_default_shards_respects_threads_and_affinity(monkeypatch):
    monkeypatch.setattr(sharding, "usable_cores", lambda: 6)
    assert default_shards(256) == 6
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "3")
    assert default_shards(256) == 3


def test_usable_cores_is_a_count():
    assert 1 <= usable_cores() <= 4096


@pytest.mark.parametrize("quota", ["max 100000", "200000 100000", "1 100000"])
def test_a_containers_quota_limits_the_cores(tmp_path, monkeypatch, quota):
    path = tmp_path / "cpu.max"
    path.write_text(quota)
    monkeypatch.setattr(sharding, "_CPU_QUOTA", tmp_path / "none")
    cores = usable_cores()
    monkeypatch.setattr(sharding, "_CPU_QUOTA", path)
    expected = {"max 100000": cores, "200000 100000": min(cores, 2), "1 100000": 1}
    assert usable_cores() == expected[quota]


@pytest.mark.parametrize("shards", [0, -1])
def test_fewer_than_one_shard_is_refused(shards):
    with pytest.raises(UserError, match=f"shards is {shards}"):
        check_shards(shards)


@pytest.mark.parametrize(("rows", "shards"), [(7, 1), (7, 3), (2, 3)])
def test_the_parts_make_up_the_batch(rows, shards):
    batch = {"x": np.arange(rows * 2.0).reshape(rows, 2), "weights": None}
    parts, sizes, count = split_batch(batch, shards)
    assert (len(parts), sum(sizes), count) == (shards, rows, rows)
    assert max(sizes) - min(sizes) <= 1
    joined = join_parts([part["x"] for part in parts], sizes)
    np.testing.assert_array_equal(tf.convert_to_tensor(joined).numpy(), batch["x"])
