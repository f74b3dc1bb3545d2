from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.foundation_model import rising, write_model
from tests.helpers.model_checks import LEVELS
from tsforecast import pretrained
from tsforecast.data.windows import Windows
from tsforecast.errors import UserError
from tsforecast.models.io import load_estimator
from tsforecast.models.task import Task
from tsforecast.models.zeroshot import CHUNK, ZeroShot

TASK = Task(lookback=48, channels=3, lead=2, horizon=3, target_indices=(2, 1), season=6)


def windows(rows, ends):
    return Windows(rows, rows[:, [2, 1]], np.asarray(ends), 48, 2, 3, (0, len(rows)))


def random_rows(rows=80):
    return np.random.default_rng(0).normal(size=(rows, 3)).astype("float32")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model whose forecasts are known."""
    monkeypatch.setattr(pretrained, "find_spec", lambda name: object())
    monkeypatch.setattr(pretrained, "_load_chronos", lambda folder: rising)
    return str(write_model(tmp_path / "model"))


def test_steps_before_the_lead_are_left_out(folder):
    rows, ends = random_rows(), [60, 70]
    result = ZeroShot(TASK, folder).forecast(windows(rows, ends))
    assert result.dtype == np.float32
    expected = rows[ends][:, None, [2, 1]] + np.array([2, 3, 4.0])[:, None] + 10 * 0.5
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_quantiles_come_last(folder):
    rows = random_rows(48 + CHUNK + 40)
    part = windows(rows, np.arange(48, 48 + CHUNK + 30))
    result = ZeroShot(replace(TASK, quantile_levels=LEVELS), folder).forecast(part)
    assert result.shape == (CHUNK + 30, 3, 2, 3)
    np.testing.assert_allclose(
        result[-1, 0, 1], rows[part.ends[-1], 1] + 2 + 10 * np.array(LEVELS), rtol=1e-6
    )


def test_it_tells_what_it_reads_and_has(folder):
    model, lines = ZeroShot(replace(TASK, lead=3), folder), []
    part = windows(random_rows(), [60])
    assert model.fit(part, part, seed=0, loss=None, log=lines.append) == 0
    assert lines == [
        "chronos forecasts from 48 steps, without training; beyond 4 steps ahead it goes on from its own forecasts."
    ]
    assert model.count_params() == 11


def test_a_saved_model_needs_the_same_weights(folder, tmp_path):
    model, part = ZeroShot(TASK, folder), windows(random_rows(), [60])
    model.save(tmp_path / "best.json")
    np.testing.assert_array_equal(load_estimator(tmp_path / "best.json").forecast(part), model.forecast(part))
    write_model(tmp_path / "model", shape=(3, 3))
    with pytest.raises(UserError, match=r"model\.safetensors has changed since"):
        load_estimator(tmp_path / "best.json").forecast(part)


def test_what_it_cannot_forecast_is_refused_before_training(folder):
    with pytest.raises(UserError, match="ends 71 steps ahead"):
        ZeroShot(replace(TASK, lead=69), folder).check()


def test_fracast_continues_a_wave(tmp_path):
    pytest.importorskip("fracast", reason="the extra zeroshot is not installed")
    rows = np.tile(np.sin(2 * np.pi * np.arange(400) / 24)[:, None], 3).astype("float32")
    task = replace(TASK, lookback=240, quantile_levels=LEVELS)
    part = Windows(rows, rows[:, [2, 1]], np.array([300, 310]), 240, 2, 3, (0, 400))
    model = ZeroShot(task)
    forecast = model.forecast(part)
    np.testing.assert_allclose(forecast[..., 1], part.targets(part.ends), atol=0.2)
    assert (np.diff(forecast, axis=-1) >= 0).all()
    model.save(tmp_path / "best.json")
    np.testing.assert_array_equal(load_estimator(tmp_path / "best.json").forecast(part), forecast)


def test_chronos_forecasts_more_steps_than_it_has_at_once(tmp_path):
    pytest.importorskip("chronos", reason="the extra zeroshot is not installed")
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config

    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "vocab_size": 2}
    node = {
        "context_length": 64,
        "prediction_length": 4,
        "input_patch_size": 4,
        "input_patch_stride": 4,
        "use_reg_token": True,
    }
    node["quantiles"] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    config = T5Config(
        **sizes,
        dense_act_fn="relu",
        decoder_start_token_id=0,
        chronos_pipeline_class="ChronosBoltPipeline",
        chronos_config=node,
    )
    ChronosBoltModelForForecasting(config).save_pretrained(tmp_path / "model")
    model = ZeroShot(replace(TASK, lead=4, quantile_levels=LEVELS), str(tmp_path / "model"))
    rows = random_rows()
    forecast = model.forecast(windows(rows, [60]))
    assert forecast.shape == (1, 3, 2, 3)
    assert np.isfinite(forecast).all()
    np.testing.assert_allclose(model.forecast(windows(rows + 100, [60])), forecast + 100, atol=1e-3)
    assert model.count_params() > 1000
