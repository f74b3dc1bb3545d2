"""The doctor's findings on made-up machines."""

import dataclasses

import pytest

from tsforecast.planning.doctor import MachineFacts, diagnose, runs_on
from tsforecast.planning.machine import GPU

V100 = GPU("Tesla V100-SXM2-32GB", 7.0, 32 * 10**9, "580.65.06")
A100 = GPU("NVIDIA A100-SXM4-80GB", 8.0, 80 * 10**9, "580.65.06")
HEALTHY = MachineFacts(
    python="3.11.9",
    tensorflow="2.21.0",
    cuda="12.5.1",
    cudnn_built="9",
    cudnn="9.10.2.21",
    capabilities=("sm_60", "sm_70", "sm_80", "sm_89", "compute_90"),
    gpus=(V100,),
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
        machine_with(gpus=(A100,), cudnn="9.28.0.1"),  # dropped for Volta alone
        machine_with(gpus=(), visible_gpus=0, cuda=None, cudnn=None, capabilities=()),
    ],
)
def test_a_healthy_machine_has_no_problem(facts):
    assert problems(facts) == []


@pytest.mark.parametrize("cudnn", ["9.11.0.98", "9.28.0.1", "10.0.0"])
def test_cudnn_without_code_for_a_v100_is_reported_with_a_fix(cudnn):
    (problem,) = problems(machine_with(cudnn=cudnn))
    assert f"cuDNN {cudnn} has no code for compute capability 7" in problem.what
    assert problem.fix == "pip install 'nvidia-cudnn-cu12>=9.3,<9.11'"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gpus": (dataclasses.replace(V100, driver="590.44"),)}, "no longer supports"),
        ({"gpus": (dataclasses.replace(A100, driver="470.82"),)}, "too old for CUDA 12"),
        ({"capabilities": ("sm_80", "compute_90")}, "not for 7"),
        ({"visible_gpus": 0}, "TensorFlow sees 0"),
        ({"tensorflow": None}, "not installed"),
        ({"memory": (8 * 10**9, 10**9)}, "1.0 GB of 8.0 GB"),
        ({"disk": 10**8}, "100.0 MB free"),
    ],
)
def test_each_problem_is_reported_alone_and_has_a_fix(changes, words):
    (problem,) = problems(machine_with(**changes))
    assert words in problem.what
    assert problem.fix


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "float16 with loss scaling"),
        ({"gpus": (A100,)}, "bfloat16"),
        ({"gpus": (A100, V100), "visible_gpus": 2}, "float16"),  # the weaker GPU decides
        ({"gpus": (GPU("GTX 1080", 6.1, 8 * 10**9, "580.1"),)}, "gains nothing"),
        ({"gpus": (), "visible_gpus": 0}, "float32 here"),
        ({"gpus": (), "visible_gpus": 0, "cpu_bfloat16": True}, "in hardware"),
    ],
)
def test_precision_advice_depends_on_the_hardware(changes, word):
    (advice,) = [finding for finding in diagnose(machine_with(**changes)) if finding.level == "advice"]
    assert word in advice.what


def test_which_gpus_compiled_code_runs_on():
    assert runs_on(7.0, ("sm_70",))
    assert runs_on(8.6, ("sm_80",))
    assert not runs_on(7.0, ("sm_80",))
    assert not runs_on(9.0, ("sm_80",))  # machine code of another generation
    assert runs_on(12.0, ("compute_90",))
    assert not runs_on(7.0, ("compute_90",))
