"""precision=mixed on a CPU: the faster precision is used, and each step is timed once."""

import dataclasses
import functools
from types import SimpleNamespace

import pytest

from tests.helpers.planning_config import config
from tsforecast import program_cache
from tsforecast.planning import precision
from tsforecast.runtime import RuntimeInfo

CPU = RuntimeInfo("cpu", "some CPU, 2 cores", "mixed_bfloat16", {})
NETWORK = SimpleNamespace(trains_in_batches=True)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv(program_cache.VARIABLE, str(tmp_path))
    return tmp_path


class Stopwatch:
    """Returns the seconds that it was created with, and counts what it was asked for."""

    def __init__(self, **seconds):
        self.seconds, self.timed = seconds, []

    def __call__(self, config, batch_sizes, *, what, seconds):
        self.timed.append((config.precision.policy, batch_sizes, what))
        return [{"train": {"low": self.seconds[config.precision.policy]}}]


composed = functools.cache(config)  # composing takes longer than what is tested


def choose(measure, *overrides, facts=CPU, model=NETWORK):
    chosen = precision.choose(composed("job=benchmark", "precision=mixed", *overrides), facts, model, measure)
    return chosen.precision.policy


@pytest.mark.parametrize("faster", ["float32", "mixed_bfloat16"])
def test_the_faster_precision_is_used_and_printed(faster, capsys):
    measure = Stopwatch(**({"float32": 0.034, "mixed_bfloat16": 0.0427} | {faster: 0.03}))
    assert choose(measure) == faster
    assert measure.timed == [("float32", [32], "time"), ("mixed_bfloat16", [32], "time")]
    printed = capsys.readouterr().out
    assert f"{faster} is used" in printed
    assert "30.0 ms" in printed


def test_the_same_steps_are_timed_once_and_other_steps_again():
    measure = Stopwatch(float32=0.03, mixed_bfloat16=0.04)
    assert choose(measure) == choose(measure, "seed=3", "training.max_steps=900") == "float32"
    assert len(measure.timed) == 2
    choose(measure, "training.batch_size=64")
    choose(measure, "window.lookback=50")
    choose(measure, "model=gru")
    assert len(measure.timed) == 8


def test_without_a_cache_the_steps_are_timed_each_time(monkeypatch):
    monkeypatch.setenv(program_cache.VARIABLE, "off")
    measure = Stopwatch(float32=0.03, mixed_bfloat16=0.04)
    assert choose(measure) == choose(measure) == "float32"
    assert len(measure.timed) == 4


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"float32": 1}', '{"float32": 1, "mixed_bfloat16": null}']
)
def test_a_damaged_measurement_is_replaced(cache, content):
    measure = Stopwatch(float32=0.03, mixed_bfloat16=0.04)
    choose(measure)
    (path,) = (cache / "precision").iterdir()
    path.write_text(content)
    assert choose(measure) == choose(measure) == "float32"
    assert len(measure.timed) == 4


@pytest.mark.parametrize(
    ("overrides", "facts", "model"),
    [
        (["training.max_steps=100"], CPU, NETWORK),
        (["training=quick"], CPU, NETWORK),
        (["training.max_steps=null", "training.max_minutes=0.5"], CPU, NETWORK),
        (["training.batch_size=auto"], CPU, NETWORK),
        ([], CPU, SimpleNamespace(trains_in_batches=False)),
        ([], dataclasses.replace(CPU, policy="float32"), NETWORK),
        ([], dataclasses.replace(CPU, device="gpu"), NETWORK),
        (["backend=jax"], CPU, NETWORK),
    ],
)
def test_nothing_is_timed_where_it_would_not_help(overrides, facts, model):
    assert choose(Stopwatch(), *overrides, facts=facts, model=model) == "mixed"


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_precision_by_name_is_used_as_it_is(policy):
    named = composed("job=benchmark", f"precision={policy}")
    assert precision.choose(named, CPU, NETWORK, Stopwatch()) is named
