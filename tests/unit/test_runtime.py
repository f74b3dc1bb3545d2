"""Global state of a job: set, reset, and refused where it cannot be."""

import os

import keras
import numpy as np
import pytest

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


def dataset(**changes):
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
def test_mixed_is_what_the_device_has_units_for(device, capability, cpu_bfloat16, policy, monkeypatch):
    monkeypatch.setattr(runtime, "cpu_has_bfloat16", lambda: cpu_bfloat16)
    assert runtime.resolve_policy("mixed", device, capability) == policy


def test_a_policy_that_is_named_is_taken():
    for policy in ("float32", "mixed_float16", "mixed_bfloat16"):
        assert runtime.resolve_policy(policy, "cpu", None) == policy
    assert runtime.resolve_policy("mixed_float16", "gpu", 7.0) == "mixed_float16"


def test_bfloat16_is_refused_on_a_v100():
    with pytest.raises(UserError, match=r"needs compute capability 8\.0 and this GPU has 7\.0"):
        runtime.resolve_policy("mixed_bfloat16", "gpu", 7.0)


def test_the_next_job_starts_from_its_own_policy_and_seed():
    def draws():
        return (
            np.asarray(keras.random.normal((3,))),
            np.random.random(3),
            keras.layers.Dense(2)(np.ones((1, 2))),
        )

    assert dataset(policy="mixed_bfloat16", seed=5)["policy"] == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
    draws()
    first = dataset(seed=7), draws()
    assert keras.config.dtype_policy().name == "float32"
    second = dataset(seed=7), draws()
    other = dataset(seed=8), draws()
    for one, same, different in zip(first[1], second[1], other[1], strict=True):
        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, different)


def test_layer_names_start_anew():
    """Else a sweep's second model would have other names than the same model alone."""
    dataset()
    keras.layers.Dense(2)
    dataset()
    assert keras.layers.Dense(2).name == "dense"


def test_it_says_what_it_got():
    facts = dataset()
    assert facts["device"] == "cpu"
    assert "core" in facts["device_name"]
    assert {"python", "tsforecast", "keras", "tensorflow", "numpy", "hydra-core"} == facts["versions"].keys()
    assert facts["versions"]["keras"] == keras.__version__


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(UserError, match="asks for a GPU and tensorflow sees none"):
        dataset(kind="gpu")


def test_a_second_backend_in_one_process_is_refused():
    with pytest.raises(UserError, match="cannot follow backend=tensorflow in one process"):
        dataset(backend="jax")


def test_native_chatter_is_held_back_unless_something_breaks(capfd):
    @runtime.quiet_stderr()
    def chat(error=None):
        os.write(2, b"chatter\n")
        if error:
            raise error

    chat()
    assert capfd.readouterr().err == ""
    with pytest.raises(RuntimeError):
        chat(RuntimeError())
    assert capfd.readouterr().err == "chatter\n"
    with pytest.raises(UserError):
        chat(UserError("one sentence"))
    assert capfd.readouterr().err == ""


def test_peak_memory_is_that_of_a_process_with_tensorflow():
    assert 100 < runtime.peak_memory_mb() < 100_000
