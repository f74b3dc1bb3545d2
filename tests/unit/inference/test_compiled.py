"""Compiled forward passes give what the model itself gives, in any number of parts and in each layout."""

import keras
import numpy as np
import pytest

from tests.helpers.serving_case import CHANNELS, LOOKBACK, make_model, make_task
from tsforecast.errors import UserError
from tsforecast.inference.compiled import (
    compile_members,
    compile_parts,
    layouts,
    sharded_forward,
    to_numpy,
)


@pytest.mark.parametrize(("rows", "shards"), [(7, 1), (7, 2), (7, 3), (2, 3)])
def test_forward_gives_all_rows_in_order(rows, shards):
    keras.utils.set_random_seed(7)
    hidden = keras.layers.Dense(5, activation="tanh")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), hidden, keras.layers.Dense(2)])
    x = np.random.default_rng(0).normal(size=(rows, 4)).astype("float32")
    got = sharded_forward(model, x, shards)
    np.testing.assert_allclose(got.numpy(), model(x).numpy(), atol=1e-6)
    hidden.kernel.assign(hidden.kernel * 2.0)
    np.testing.assert_allclose(sharded_forward(model, x, shards).numpy(), model(x).numpy(), atol=1e-6)


@pytest.mark.parametrize("shards", [0, -1])
def test_fewer_than_one_shard_is_refused(shards):
    with pytest.raises(UserError, match=f"shards is {shards}"):
        sharded_forward(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), np.ones((2, 4)), shards)


def test_members_without_the_context_read_the_channels_before_it():
    from tsforecast.ensemble.model import Ensemble
    from tsforecast.models.gru import GRU

    keras.utils.set_random_seed(0)
    task = make_task(channels=len(CHANNELS) + 3)
    members = [GRU(make_task(), units=[4], dense_units=[]), GRU(task, units=[4], dense_units=[])]
    model = Ensemble(task, members, ["without", "with"], "equal")
    past = np.random.default_rng(0).normal(size=(5, LOOKBACK, task.channels)).astype(np.float32)
    expected = [members[0](past[:, :, : len(CHANNELS)]), members[1](past)]
    for compile_layout in (compile_members, compile_parts):
        outputs = to_numpy(compile_layout(model, past.shape))(past)["members"]
        for index, values in enumerate(expected):
            assert np.allclose(outputs[:, index], keras.ops.convert_to_numpy(values), atol=1e-5)
    again = Ensemble.from_config(model.get_config())
    again.set_weights(model.get_weights())
    assert np.allclose(again(past)["members"], model(past)["members"])
    with pytest.raises(UserError, match=r"Member with forecasts something else \(channels\)"):
        Ensemble(make_task(), members, ["without", "with"], "equal")


@pytest.mark.parametrize("weighting", ["static", "gating"])
def test_an_ensemble_laid_out_member_by_member_says_what_it_says_in_one_piece(weighting):
    from tsforecast.ensemble.model import Ensemble
    from tsforecast.models.spike_detector import SpikeDetector

    keras.utils.set_random_seed(0)
    task = make_task()
    members = [make_model(task=task), SpikeDetector(task, filters=4, heads=2, units=4)]
    model = Ensemble(task, members, ["one", "two"], weighting, thresholds=[1.0])
    past = np.random.default_rng(0).normal(size=(5, LOOKBACK, len(CHANNELS))).astype(np.float32)
    wanted = model(past)
    assert layouts(model, 5) == [compile_parts, compile_members]
    for compile_layout in (compile_members, compile_parts):
        found = to_numpy(compile_layout(model, past.shape))(past)
        assert found.keys() >= {"forecast", "weights", "spike"}
        for name, values in found.items():
            assert np.allclose(values, keras.ops.convert_to_numpy(wanted[name]), atol=1e-5), name
