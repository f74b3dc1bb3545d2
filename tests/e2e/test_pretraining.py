"""From a pre-training on hidden patches to forecasts that start from it."""

import json

import numpy as np
import pytest

from tests.helpers.command_runs import read_result, run_fresh

pytestmark = pytest.mark.slow

SMALL = [
    "model=patchtst",
    "model.d_model=8",
    "model.heads=2",
    "model.layers=1",
    "model.d_ff=16",
    "model.patch_len=8",
    "scale=tiny",
    "tracker=none",
    "window.lookback=40",
    "training.validation_windows=64",
]


def weights(folder):
    """Part -> the weights of it that training changes."""
    import keras

    import tsforecast.models.patchtst  # noqa: F401

    model = keras.saving.load_model(folder / "best.keras", compile=False)
    return {
        layer.name: [v.numpy() for v in layer.trainable_variables] for layer in model.layers if layer.weights
    }


def test_a_forecast_starts_from_a_pretraining_and_a_probe_trains_its_head_alone(tmp_path):
    budget = ["training.max_steps=60", "training.steps_per_epoch=30", "training.shards=2"]
    learnt = run_fresh(*SMALL, "training=pretrain", *budget, "hydra.run.dir=pre", cwd=tmp_path)
    assert learnt.code == 0, learnt.err
    assert "init_from=" in learnt.out
    rows = [json.loads(line) for line in (tmp_path / "pre/metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["val/loss"] < rows[0]["val/loss"] < 1.5
    assert read_result(tmp_path / "pre")["metrics"]["val/explained"] > 0
    assert "patch_stride: 8" in (tmp_path / "pre/config.yaml").read_text()

    common = ["model=patchtst", *SMALL[6:], "init_from=pre", "training=quick"]
    done = run_fresh("-m", "sweep.id=after", *common, "training.probe=true,false", cwd=tmp_path)
    assert done.code == 0, done.out
    before = weights(tmp_path / "pre")
    probe, tuned = (
        weights(next((tmp_path / "outputs/multirun/after").glob(f"*_probe-{word}")))
        for word in ("True", "False")
    )
    for part, values in before.items():
        same = [all(map(np.array_equal, values, after[part])) for after in (probe, tuned)]
        assert same == [part != "head", False], part
    log = next((tmp_path / "outputs/multirun/after").glob("00*/log.txt")).read_text()
    assert "Started from pre: patches, block_1; initialized: head." in log
