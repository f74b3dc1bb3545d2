"""The doctor's judgement on made-up machines."""

import dataclasses
import types

import pytest

from tsforecast.planning import findings, machine
from tsforecast.planning.doctor import Facts, diagnose, runs_on
from tsforecast.planning.machine import Card

V100 = Card("Tesla V100-SXM2-32GB", 7.0, 32 * 10**9, "580.65.06")
A100 = Card("NVIDIA A100-SXM4-80GB", 8.0, 80 * 10**9, "580.65.06")
HEALTHY = Facts(
    python="3.11.9",
    tensorflow="2.21.0",
    cuda="12.5.1",
    cudnn_built="9",
    cudnn="9.10.2.21",
    capabilities=("sm_60", "sm_70", "sm_80", "sm_89", "compute_90"),
    cards=(V100,),
    visible_gpus=1,
    cpu="a processor, 8 cores",
    cpu_bfloat16=False,
    memory=(64 * 10**9, 50 * 10**9),
    disk=100 * 10**9,
    wandb="0.22.0, offline: no key was found",
)


def machine_with(**changes):
    return dataclasses.replace(HEALTHY, **changes)


def problems(facts):
    return [finding for finding in diagnose(facts) if finding.level == "problem"]


@pytest.mark.parametrize(
    "facts",
    [
        HEALTHY,
        machine_with(cudnn="9.9.0.52"),
        machine_with(cards=(A100,), cudnn="9.28.0.1"),  # dropped for Volta alone
        machine_with(cards=(), visible_gpus=0, cuda=None, cudnn=None, capabilities=()),
    ],
)
def test_a_sound_machine_has_no_problem(facts):
    assert problems(facts) == []


@pytest.mark.parametrize("cudnn", ["9.11.0.98", "9.28.0.1", "10.0.0"])
def test_cudnn_without_code_for_a_v100_is_told_with_its_fix(cudnn):
    (problem,) = problems(machine_with(cudnn=cudnn))
    assert f"cuDNN {cudnn} has no code for compute capability 7" in problem.what
    assert problem.fix == "pip install 'nvidia-cudnn-cu12>=9.3,<9.11'"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cards": (dataclasses.replace(V100, driver="590.44"),)}, "no longer serves"),
        ({"cards": (dataclasses.replace(A100, driver="470.82"),)}, "too old for CUDA 12"),
        ({"capabilities": ("sm_80", "compute_90")}, "not for 7"),
        ({"visible_gpus": 0}, "TensorFlow sees 0"),
        ({"tensorflow": None}, "not installed"),
        ({"memory": (8 * 10**9, 10**9)}, "1.0 GB of 8.0 GB"),
        ({"disk": 10**8}, "100.0 MB free"),
    ],
)
def test_each_fault_is_found_alone_and_has_a_fix(changes, words):
    (problem,) = problems(machine_with(**changes))
    assert words in problem.what
    assert problem.fix


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "float16 with loss scaling"),
        ({"cards": (A100,)}, "bfloat16"),
        ({"cards": (A100, V100), "visible_gpus": 2}, "float16"),  # the weaker card decides
        ({"cards": (Card("GTX 1080", 6.1, 8 * 10**9, "580.1"),)}, "gains nothing"),
        ({"cards": (), "visible_gpus": 0}, "float32 here"),
        ({"cards": (), "visible_gpus": 0, "cpu_bfloat16": True}, "in hardware"),
    ],
)
def test_precision_advice_goes_by_the_units_there_are(changes, word):
    (advice,) = [finding for finding in diagnose(machine_with(**changes)) if finding.level == "advice"]
    assert word in advice.what


def test_which_cards_compiled_code_runs_on():
    assert runs_on(7.0, ("sm_70",))
    assert runs_on(8.6, ("sm_80",))
    assert not runs_on(7.0, ("sm_80",))
    assert not runs_on(9.0, ("sm_80",))  # machine code of another generation
    assert runs_on(12.0, ("compute_90",))
    assert not runs_on(7.0, ("compute_90",))


def test_a_card_is_read_from_a_line_of_the_driver():
    card = machine.parse_card("Tesla V100-SXM2-32GB, 7.0, 32768, 580.65.06")
    assert card == Card("Tesla V100-SXM2-32GB", 7.0, 32 * 2**30, "580.65.06")


def test_without_a_driver_there_is_no_card(monkeypatch):
    monkeypatch.setattr(machine.subprocess, "run", _no_such_program)
    assert machine.cards() == []


def _no_such_program(*arguments, **options):
    raise FileNotFoundError("nvidia-smi")


@pytest.mark.parametrize(("number", "version"), [(91002, "9.10.2"), (90300, "9.3.0"), (8907, "8.9.7")])
def test_cudnn_tells_its_version_as_one_number(monkeypatch, number, version):
    import ctypes

    library = types.SimpleNamespace(cudnnGetVersion=lambda: number)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    assert findings.loaded_cudnn() == version


def test_wandb_state_names_the_mode_that_is_set(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert findings.wandb_state().endswith("WANDB_MODE=disabled")
    monkeypatch.setattr(findings, "version", lambda package: None)
    assert "not installed" in findings.wandb_state()
