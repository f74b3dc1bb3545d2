import numpy as np

from tests.helpers.model_checks import TASKS, batch
from tsforecast.models.task import Task
from tsforecast.models.tide import TiDE

SMALL = {"units": 8, "step_units": 2, "step_hidden": 4, "covariate_hidden": 4, "dropout": 0.0}


def test_the_linear_map_of_the_history_is_added():
    task = TASKS["steps and targets"]
    model, past = TiDE(task, **SMALL, instance_norm=False), batch(task)[0]
    (head, linear) = (model.get_layer(name) for name in ("head", "history_linear"))
    head.set_weights([np.zeros_like(weight) for weight in head.get_weights()])
    kernel, bias = linear.get_weights()
    expected = np.einsum("blt,lh->bht", past[..., [2, 0]], kernel) + bias[:, None]
    np.testing.assert_allclose(model(past), expected, atol=1e-5)


def test_the_covariates_of_a_step_reach_its_forecast_directly():
    # Without the encoder and the history, a step depends on its own covariate alone.
    task = Task(12, 3, 1, 2, target_indices=(0,), future_channels=(1, 2))
    model = TiDE(task, **SMALL, instance_norm=False)
    for name in ("encoder_1", "history_linear"):
        layer = model.get_layer(name)
        layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    past = batch(task)[0]
    changed = past.copy()
    changed[:, -1, 2] += 1.0
    moved = np.abs(np.asarray(model(changed)) - np.asarray(model(past))).max(axis=(0, 2))
    assert moved[0] == 0
    assert moved[1] > 1e-4


def test_targets_share_the_weights():
    task = Task(lookback=24, channels=3, lead=1, horizon=2, target_indices=(0, 2))
    past, _ = batch(task)
    model = TiDE(task, **SMALL)
    swapped = past[..., [2, 1, 0]]
    np.testing.assert_allclose(model(swapped), np.asarray(model(past))[..., ::-1], atol=1e-5)


def test_the_papers_widths_give_its_number_of_parameters():
    # ETTh1 at horizon 336: 256 wide, one block each, 8 numbers for each step, lookback 336; counted by hand.
    task = Task(lookback=336, channels=7, lead=1, horizon=336, target_indices=tuple(range(7)))
    model = TiDE(task, encoder_blocks=1, decoder_blocks=1)

    def block(inputs, hidden, units):
        return (inputs + 1) * hidden + (hidden + 1) * units + (inputs + 1) * units + 2 * units

    step = (8 + 1) * 128 + (128 + 8 + 1)
    assert model.count_params() == block(336, 256, 256) + block(256, 256, 336 * 8) + step + 337 * 336
