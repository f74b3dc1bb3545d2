import numpy as np

from tests.helpers.model_checks import batch
from tsforecast.models.covariates import split_covariates
from tsforecast.models.task import Task


def model_of(task, part):
    import keras

    past = task.input_tensor()
    return keras.Model(past, getattr(split_covariates(past, task, None), part))


def test_each_channel_has_one_role():
    task = Task(
        6,
        8,
        1,
        2,
        target_indices=(1,),
        future_channels=(2, 3, 4, 5),
        static_channels=(6,),
        context_channels=(7,),
    )
    past = batch(task)[0]
    np.testing.assert_array_equal(model_of(task, "past")(past), past[..., [0, 7]])
    np.testing.assert_array_equal(model_of(task, "static")(past), past[:, -1, [6]])
    future = np.asarray(model_of(task, "future")(past))  # [B, H, F]
    np.testing.assert_array_equal(future[:, :, 0], past[:, -1, 2:4])
    np.testing.assert_array_equal(future[:, :, 1], past[:, -1, 4:6])


def test_a_window_of_targets_alone_has_no_covariates():
    task = Task(6, 2, 1, 2, target_indices=(0, 1))
    assert split_covariates(task.input_tensor(), task, None) == (None, None, None)


def test_codes_ahead_are_embedded_at_their_own_step():
    task = Task(
        6, 3, 1, 2, target_indices=(0,), future_channels=(1, 2), category_of=(-1, 0, 0), category_counts=(6,)
    )
    past = np.zeros((1, 6, 3), "float32")
    past[:, -1, 1:] = 2, 3
    future = np.asarray(model_of(task, "future")(past))
    past[:, -1, 1:] = 3, 2
    np.testing.assert_array_equal(np.asarray(model_of(task, "future")(past))[:, ::-1].shape, future.shape)
    assert np.abs(future[:, 0] - future[:, 1]).max() > 0
