import pytest

from tests.helpers.model_checks import (
    ENCODING,
    TASKS,
    check_causality,
    check_saving,
    check_shapes_and_order,
    check_training,
)
from tsforecast.models.cnn_lstm import CNNLSTM
from tsforecast.models.task import Task


def make(task, **changes):
    return CNNLSTM(
        task,
        **{
            "filters": 4,
            "units": (6, 5),
            "dense_units": (7,),
            "dropout": 0.1,
            "encoding": ENCODING,
            **changes,
        },
    )


@pytest.mark.parametrize("padding", ["causal", "same"])
def test_shapes(padding):
    check_shapes_and_order(lambda task: make(task, padding=padding))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_saving(tmp_path, policy):
    check_saving(make, tmp_path, policy)


def test_training():
    check_training(make, dense=True)


def test_causality():
    check_causality(make)


def test_centered_convolutions_forecast_at_the_last_step_only():
    assert not make(TASKS["one step"], padding="same").has_sequence


def test_the_users_widths_give_this_many_parameters():
    task = Task(lookback=100, channels=12, lead=10, horizon=1, target_indices=(0,))
    convolutions = sum(width * 12 * 64 + 64 for width in (3, 5, 7))
    recurrent = 4 * 128 * (192 + 128 + 1) + 4 * 64 * (128 + 64 + 1)
    assert CNNLSTM(task).count_params() == convolutions + recurrent + (64 * 64 + 64) + (64 + 1)
    assert CNNLSTM.nominal_params == 450_000


@pytest.mark.parametrize("wrong", [{"padding": "valid"}, {"kernel_sizes": []}])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        make(TASKS["one step"], **wrong)
