"""The model to train, after the precision was chosen."""

import dataclasses

import numpy as np
import pytest

from tests.helpers.planning_config import config
from tsforecast import runtime
from tsforecast.jobs import build, set_up
from tsforecast.planning import precision


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_model_is_that_of_a_run_with_the_chosen_precision(monkeypatch, policy):
    monkeypatch.setattr(runtime, "cpu_has_bfloat16", lambda: True)
    monkeypatch.setattr(
        precision,
        "choose",
        lambda config, *_: dataclasses.replace(
            config, precision=dataclasses.replace(config.precision, policy=policy)
        ),
    )
    models = []
    for name in ("mixed", policy):
        checked = config("job=benchmark", "model=dlinear", f"precision={name}")
        checked, facts, model = set_up.set_up(checked, build.build_data(checked))
        assert checked.precision.policy == facts.policy == policy
        models.append(model)
    for chosen, named in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(chosen, named)
    assert models[0].dtype_policy.name == policy
