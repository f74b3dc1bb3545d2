import numpy as np
import pytest

from tests.helpers.model_checks import TASKS, batch, check_saving, check_shapes_and_order, check_training
from tsforecast.layers.instance_norm import InstanceNorm, RestoreInstance
from tsforecast.layers.patches import HiddenPatches, Patches
from tsforecast.models.patchtst import PatchTST
from tsforecast.models.task import Task


def make(task, **changes):
    options = {
        "d_model": 8,
        "heads": 2,
        "layers": 2,
        "d_ff": 12,
        "dropout": 0.1,
        "patch_len": 6,
        "patch_stride": 3,
    }
    return PatchTST(task, **{**options, **changes})


@pytest.mark.parametrize(
    "changes", [{}, {"channels": "all", "affine": True}, {"norm": "layer", "pre_norm": True}]
)
def test_shapes(changes):
    check_shapes_and_order(lambda task: make(task, **changes))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_saving(tmp_path, policy):
    check_saving(lambda task: make(task, affine=True), tmp_path, policy)


@pytest.mark.parametrize(
    "changes",
    [{"layers": 1}, {"layers": 1, "channels": "all", "affine": True, "norm": "layer", "padding": "none"}],
)
def test_training(changes):
    check_training(lambda task: make(task, **changes), dense=False)


def test_it_has_no_forecast_of_earlier_steps():
    assert not make(TASKS["one step"]).has_sequence


def test_other_channels_reach_the_forecast_only_where_the_head_reads_all():
    task = TASKS["one step"]
    past, _ = batch(task)
    changed = past.copy()
    changed[..., 1] += 1.0 + np.arange(task.lookback)
    for channels, moves in (("targets", False), ("all", True)):
        model = make(task, channels=channels, instance_norm=False)
        assert bool(np.abs(np.asarray(model(changed) - model(past))).max() > 1e-4) is moves


def test_targets_share_one_encoder_and_head():
    task = Task(lookback=24, channels=3, lead=1, horizon=2, target_indices=(0, 2))
    past, _ = batch(task)
    swapped = past[..., [2, 1, 0]]
    model = make(task)
    np.testing.assert_allclose(np.asarray(model(swapped)), np.asarray(model(past))[..., ::-1], atol=1e-5)


@pytest.mark.parametrize("affine", [False, True])
def test_instance_norm_moves_with_level_and_scale(affine):
    task = TASKS["quantiles"]
    past, _ = batch(task)
    model = make(task, affine=affine)
    moved = np.asarray(model(3.0 * past + 5.0))
    np.testing.assert_allclose(moved, 3.0 * np.asarray(model(past)) + 5.0, atol=2e-3)


def test_instance_norm_is_undone():
    norm = InstanceNorm(affine=True)
    history = np.random.default_rng(0).normal(2, 3, (4, 3, 20)).astype("float32")
    norm.build(history.shape)
    norm.gain.assign([[0.5], [-2.0], [1.5]])
    norm.shift.assign([[0.1], [0.2], [-0.3]])
    normal, statistics = norm(history)
    back = np.asarray(RestoreInstance(norm, [0, 1, 2])(normal, statistics))
    np.testing.assert_allclose(back, history, atol=1e-4)


@pytest.mark.parametrize(("padding", "count"), [("end", 12), ("none", 11)])
def test_patches_are_the_windows_stretches(padding, count):
    # With an identity map and no positions a patch is the stretch itself; 100 steps, 16 long, 8 apart.
    layer = Patches(16, 16, 8, padding)
    layer.build((None, 1, 100))
    layer.map.kernel.assign(np.eye(16))
    layer.positions.assign(np.zeros(layer.positions.shape))
    history = np.arange(100, dtype="float32")[None, None]
    padded = np.concatenate([history[0, 0], np.full(8, 99.0)])
    expected = np.stack([padded[8 * i : 8 * i + 16] for i in range(count)])
    np.testing.assert_array_equal(np.asarray(layer(history))[0, 0], expected)
    hidden = (np.arange(count) % 2).astype("float32")
    np.testing.assert_array_equal(
        np.asarray(layer(history, hidden[None, None]))[0, 0], expected * (1 - hidden)[:, None]
    )


def test_each_series_hides_its_own_patches_and_always_as_many():
    layer = HiddenPatches(count=10, share=0.4)
    history = np.zeros((50, 2, 30), "float32")
    first, second = (np.asarray(layer(history, training=True)) for _ in range(2))
    assert (first.sum(axis=-1) == 4).all()
    assert (first.mean(axis=(0, 1)) > 0.2).all()  # no place is spared
    assert len(np.unique(first.reshape(100, 10), axis=0)) > 60  # of 210 choices
    assert (first != second).any()
    np.testing.assert_array_equal(layer(history), layer(history))  # for validation always the same


def test_what_is_hidden_reaches_nothing_that_fills_it_in():
    task = Task(lookback=30, channels=2, lead=1, horizon=2, target_indices=(0, 1))
    pretext = make(task, patch_stride=6, instance_norm=False).pretext_model(0.4)
    past, _ = batch(task)
    found = {name: np.asarray(values) for name, values in pretext(past).items()}
    assert found["filled"].shape == found["patches"].shape == (5, 2, 6, 6)
    np.testing.assert_array_equal(found["patches"][:, :, 0], np.swapaxes(past[:, :6], 1, 2))
    hidden = np.repeat(found["hidden"][..., :5], 6, axis=-1)  # by step; the last patch is padding
    changed = past + 100 * np.swapaxes(hidden, 1, 2)
    changed[:, -1] = past[:, -1]  # what the padding repeats
    np.testing.assert_array_equal(np.asarray(pretext(changed)["filled"]), found["filled"])
    seen = past + 100 * np.swapaxes(1 - hidden, 1, 2)
    assert (np.asarray(pretext(seen)["filled"]) != found["filled"]).any()


def test_the_papers_widths_give_its_number_of_parameters():
    # PatchTST/42 on ETTh1: 16 wide, 4 heads, 3 blocks, 128 inside, lookback 336, horizon 96; counted by hand.
    task = Task(lookback=336, channels=7, lead=1, horizon=96, target_indices=tuple(range(7)))
    patches = (336 - 16) // 8 + 2
    embedding = 16 * 16 + 16 + patches * 16
    block = 4 * (16 * 16 + 16) + (16 * 128 + 128) + (128 * 16 + 16) + 2 * 2 * 16
    model = PatchTST(task, d_model=16, heads=4, layers=3, d_ff=128)
    trained = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    assert trained == embedding + 3 * block + patches * 16 * 96 + 96


@pytest.mark.parametrize(
    "wrong",
    [
        {"norm": "group"},
        {"channels": "some"},
        {"d_model": 9},
        {"layers": 0},
        {"padding": "both"},
        {"patch_stride": 7},
        {"patch_len": 25},
    ],
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        make(TASKS["one step"], **wrong)
