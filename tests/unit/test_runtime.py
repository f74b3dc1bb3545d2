"""The global state of a job: set, reset, and rejected if the machine cannot provide it."""

import os

import keras
import numpy as np
import pytest

import tsforecast
from tsforecast import runtime
from tsforecast.errors import UserError

HERE = {
    "backend": "tensorflow",
    "seed": 0,
    "policy": "float32",
    "kind": "cpu",
    "memory_gb": None,
    "threads": None,
}


def initialize(**changes):
    return runtime.initialize(**{**HERE, **changes})


@pytest.mark.parametrize(
    ("device", "capability", "cpu_bfloat16", "policy"),
    [
        ("gpu", 7.0, True, "mixed_float16"),
        ("gpu", 7.5, True, "mixed_float16"),
        ("gpu", 8.0, False, "mixed_bfloat16"),
        ("gpu", 9.0, False, "mixed_bfloat16"),
        ("cpu", None, True, "mixed_bfloat16"),
        ("cpu", None, False, "float32"),
    ],
)
def test_mixed_is_the_half_precision_that_the_device_supports(
    device, capability, cpu_bfloat16, policy, monkeypatch
):
    monkeypatch.setattr(runtime, "cpu_has_bfloat16", lambda: cpu_bfloat16)
    assert runtime.resolve_policy("mixed", device, capability) == policy


def test_an_explicit_policy_is_kept():
    for policy in ("float32", "mixed_float16", "mixed_bfloat16"):
        assert runtime.resolve_policy(policy, "cpu", None) == policy
    assert runtime.resolve_policy("mixed_float16", "gpu", 7.0) == "mixed_float16"


def test_bfloat16_is_rejected_on_a_v100():
    with pytest.raises(UserError, match=r"needs compute capability 8\.0 and this GPU has 7\.0"):
        runtime.resolve_policy("mixed_bfloat16", "gpu", 7.0)


def test_the_next_job_starts_from_its_own_policy_and_seed():
    def draws():
        return (
            np.asarray(keras.random.normal((3,))),
            np.random.random(3),
            keras.layers.Dense(2)(np.ones((1, 2))),
        )

    assert initialize(policy="mixed_bfloat16", seed=5).policy == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    draws()
    first = initialize(seed=7), draws()
    assert keras.config.dtype_policy().name == "float32"
    second = initialize(seed=7), draws()
    other = initialize(seed=8), draws()
    for draw, same, different in zip(first[1], second[1], other[1], strict=True):
        np.testing.assert_array_equal(draw, same)
        assert not np.array_equal(draw, different)


def test_layer_names_restart():
    """Otherwise the second model of a sweep would have different names than the same model alone."""
    initialize()
    keras.layers.Dense(2)
    initialize()
    assert keras.layers.Dense(2).name == "dense"


def test_initialize_returns_device_and_versions():
    info = initialize()
    assert info.device == "cpu"
    assert "core" in info.device_name
    assert {"python", "tsforecast", "keras", "tensorflow", "numpy", "hydra-core"} == info.versions.keys()
    assert info.versions["keras"] == keras.__version__
    assert info.versions["tsforecast"] == tsforecast.__version__


def test_a_missing_gpu_is_rejected():
    with pytest.raises(UserError, match="asks for a GPU and tensorflow sees none"):
        initialize(kind="gpu")


def test_a_second_backend_in_one_process_is_rejected():
    with pytest.raises(UserError, match="cannot follow backend=tensorflow in one process"):
        initialize(backend="jax")


def test_native_messages_are_hidden_unless_the_block_fails(capfd):
    @runtime.quiet_stderr()
    def log(error=None):
        os.write(2, b"message\n")
        if error:
            raise error

    log()
    assert capfd.readouterr().err == ""
    with pytest.raises(RuntimeError):
        log(RuntimeError())
    assert capfd.readouterr().err == "message\n"
    with pytest.raises(UserError):
        log(UserError("one sentence"))
    assert capfd.readouterr().err == ""


def test_peak_memory_is_that_of_a_process_with_tensorflow():
    assert 100 < runtime.peak_memory_mb() < 100_000
