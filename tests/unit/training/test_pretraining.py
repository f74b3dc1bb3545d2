"""Weights that a model takes over from another one, and a probe that trains the head alone."""

import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.models.patchtst import PatchTST
from tsforecast.models.task import Task
from tsforecast.training.pretraining import freeze_all_but_head, transfer_weights

SMALL = {"heads": 2, "layers": 1, "d_ff": 8, "patch_len": 4, "patch_stride": 4}


def model(d_model=8, horizon=2):
    task = Task(lookback=16, channels=2, lead=1, horizon=horizon, target_indices=(0,))
    return PatchTST(task, d_model=d_model, **SMALL)


def weights_of(network, layer):
    return [np.asarray(variable.value) for variable in network.get_layer(layer).weights]


@pytest.mark.parametrize(("with_head", "horizon"), [(True, 2), (False, 2), (True, 3)])
def test_all_layers_are_copied_and_the_head_only_if_it_was_trained_and_fits(with_head, horizon):
    source, target = model(), model(horizon=horizon)
    before = weights_of(target, "head")
    copied, new = transfer_weights(source, target, with_head=with_head, label="init_from=pre")
    fits = with_head and horizon == 2
    assert new == ([] if fits else ["head"])
    assert "block_1" in copied
    for layer in copied:
        for one, other in zip(weights_of(source, layer), weights_of(target, layer), strict=True):
            np.testing.assert_array_equal(one, other)
    kept = all(map(np.array_equal, before, weights_of(target, "head")))
    assert kept is not fits


def test_a_layer_of_another_shape_is_refused_by_name():
    with pytest.raises(UserError, match=r"init_from=pre: its part 'patches' does not fit this model"):
        transfer_weights(model(d_model=4), model(), with_head=True, label="init_from=pre")


def test_a_probe_trains_the_head_alone():
    network = model()
    freeze_all_but_head(network, "patchtst")
    head = {id(variable) for variable in network.get_layer("head").trainable_variables}
    assert {id(variable) for variable in network.trainable_variables} == head
