"""What all tests share: no GPU, no account, no chatter, and the dtype policy put back."""

import gc
import os
import sys

import pytest

from tsforecast.program_cache import enable_program_cache
from tsforecast.runtime import cpu_description

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["JAX_PLATFORMS"] = "cpu"
# The functions that tests compile stay in memory: to search them all for garbage often takes a tenth of the time.
gc.set_threshold(50_000, 20, 20)
# No key: a training is tracked offline, and jobs that work with models in service are not.
for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
    os.environ.pop(name, None)
os.environ["NETRC"] = os.devnull
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"
enable_program_cache(cpu_description())  # and that of the processes that tests start


@pytest.fixture(autouse=True)
def policy_put_back():
    """The dtype policy is global state; a test that sets it must not change the next one."""
    yield
    keras = sys.modules.get("keras")
    if keras is not None:
        keras.config.set_dtype_policy("float32")
