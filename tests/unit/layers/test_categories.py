"""Embeddings of categories: shared tables, codes without a vector, and every model that uses them."""

import keras
import numpy as np
import pytest

from tests.helpers.model_checks import batch, described
from tsforecast.columns.categories import FIRST
from tsforecast.inference.predict import forward_batch, select_forecast
from tsforecast.layers.categories import RESERVED, CategoryEmbedding, embedding_width
from tsforecast.losses import Quantile, SquaredError
from tsforecast.models.cnn_lstm import CNNLSTM
from tsforecast.models.dlinear import DLinear
from tsforecast.models.gru import GRU
from tsforecast.models.lstm import LSTM
from tsforecast.models.nlinear import NLinear
from tsforecast.models.patchtst import PatchTST
from tsforecast.models.rule_based import RuleBased
from tsforecast.models.spike_detector import SpikeDetector
from tsforecast.models.task import Task
from tsforecast.training.trainer import Trainer

# Channels: target, codes of category 0 now and one step ahead, a number, codes of category 1.
TASK = Task(
    lookback=24,
    channels=5,
    lead=1,
    horizon=2,
    target_indices=(0,),
    category_of=(-1, 0, 0, -1, 1),
    category_counts=(5, 4),
)
EDGES = {"edges": [[-1.0, 0.0, 0.5, 2.0], [-1.0, 0.0, 1.0]], "units": 4}  # of the two numbers
SMALL = {"units": (6,), "dense_units": (6,), "encoding": EDGES}
MODELS = {
    "lstm": lambda task: LSTM(task, **SMALL),
    "gru": lambda task: GRU(task, **SMALL),
    "cnn_lstm": lambda task: CNNLSTM(task, filters=4, kernel_sizes=(3,), **SMALL),
    "spike_detector": lambda task: SpikeDetector(
        task, filters=4, heads=2, units=4, dense_units=(4,), encoding=EDGES
    ),
    "rule_based": lambda task: RuleBased(task, **SMALL),
    "dlinear": lambda task: DLinear(task, kernel_size=5),
    "nlinear": NLinear,
    "patchtst": lambda task: PatchTST(task, d_model=8, heads=2, layers=1, d_ff=8, dropout=0.0),
    "patchtst_all": lambda task: PatchTST(
        task, d_model=8, heads=2, layers=1, d_ff=8, dropout=0.0, channels="all"
    ),
}


def windows(task=TASK, rows=256, seed=0):
    """Noise and codes; each truth is the level of its own step's category 0."""
    rng = np.random.default_rng(seed)
    past = rng.normal(size=(rows, task.lookback, task.channels)).astype("float32")
    for channel, category in enumerate(task.category_of):
        if category >= 0:
            codes = rng.integers(FIRST, task.category_counts[category], size=past.shape[:2])
            past[..., channel] = codes
    levels = np.array([0.0, 0.0, -2.0, 0.5, 3.0])
    truth = past[:, -1:, :1] + levels[past[:, -1, 1].astype(int)][:, None, None]
    return past, np.repeat(truth, task.horizon, axis=1).astype("float32")


def test_the_first_codes_are_those_of_the_reader():
    assert RESERVED == FIRST


def test_channels_of_one_category_share_their_vectors_and_unseen_codes_are_zero():
    layer = CategoryEmbedding(TASK.category_of, TASK.category_counts)
    past, _ = windows(rows=2)
    past[:, :, 2] = past[:, :, 1]
    past[:, 0, 4], past[:, 1, 4] = 0, 1
    out = np.asarray(layer(past))
    width = embedding_width(5)
    assert out.shape == (2, 24, 2 * width + embedding_width(4))
    np.testing.assert_array_equal(out[..., :width], out[..., width : 2 * width])
    assert not out[:, :2, 2 * width :].any()
    assert (np.abs(out[:, 2:, 2 * width :]).max(axis=-1) > 0).all()
    assert len(layer.weights) == 2


def test_a_stated_width_replaces_the_rule():
    assert embedding_width(40, 7) == 7
    model = DLinear(TASK, kernel_size=5, embedding=2)
    assert model.get_layer("categories").output.shape[-1] == 6


@pytest.mark.parametrize(
    ("name", "policy"), [*((name, "float32") for name in MODELS), ("gru", "mixed_bfloat16")]
)
def test_models_read_the_category_and_load_as_they_were_saved(name, policy, tmp_path):
    keras.utils.set_random_seed(0)  # by chance all ReLU units can be zero for all windows
    keras.config.set_dtype_policy(policy)
    model = described(MODELS[name](TASK))
    past, _ = windows(rows=16)
    rng = np.random.default_rng(0)
    for layer in (
        model.get_layer("categories"),
        *(part for part in model.layers if part.name == "category_level"),
    ):
        layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    before = model(past)
    changed = past.copy()
    changed[:, -1, 1] = np.where(past[:, -1, 1] == 2, 4, 2)
    difference = np.asarray(select_forecast(model(changed))) - np.asarray(select_forecast(before))
    assert np.abs(difference).max() > 1e-3
    model.save(tmp_path / "m.keras")
    keras.config.set_dtype_policy("float32")
    again = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    assert again.task == TASK
    np.testing.assert_array_equal(
        np.asarray(select_forecast(again(past))), np.asarray(select_forecast(before))
    )


@pytest.mark.parametrize("name", MODELS)
def test_models_without_categories_have_no_layer_for_them(name):
    task = Task(**{**TASK.__dict__, "channels": 2, "category_of": (), "category_counts": ()})
    names = {layer.name for layer in MODELS[name](task).layers}
    assert not names & {"categories", "numbers", "channels", "category_level"}


def test_a_level_that_depends_on_the_category_alone_is_learned():
    past, truth = windows()
    errors = {}
    for task in (TASK, Task(**{**TASK.__dict__, "category_of": (), "category_counts": (), "channels": 2})):
        keras.utils.set_random_seed(0)
        inputs = past if task.category_counts else past[..., [0, 3]]
        model = described(NLinear(task))
        trainer = Trainer(model, SquaredError())
        trainer.compile(optimizer=keras.optimizers.Adam(0.05), loss=SquaredError(), jit_compile=False)
        for _ in range(60):
            trainer.train_on_batch(inputs, truth)
        forecast = select_forecast(forward_batch(model, inputs))
        errors[bool(task.category_counts)] = float(np.mean((forecast - truth) ** 2))
    assert errors[True] < 0.5 * errors[False]


@pytest.mark.parametrize("dense", [True, False])
def test_a_compiled_update_moves_every_table(dense):
    model = described(GRU(TASK, **SMALL))
    trainer = Trainer(model, SquaredError(), dense_from=20 if dense else None, shards=2)
    trainer.compile(optimizer=keras.optimizers.SGD(1.0), loss=SquaredError(), jit_compile=False)
    past, truth = windows(rows=8)
    truth = np.repeat(truth[:, None], 4, axis=1) if dense else truth
    before = model.get_layer("categories").get_weights()
    trainer.train_on_batch(past, truth)
    for old, new in zip(before, model.get_layer("categories").get_weights(), strict=True):
        moved = np.abs(new - old).max(axis=1)
        assert (moved[FIRST:] > 0).all()
        assert not moved[:FIRST].any()


def test_quantiles_get_the_same_level():
    task = Task(**{**TASK.__dict__, "quantile_levels": (0.1, 0.5, 0.9)})
    model = described(DLinear(task, kernel_size=5))
    past, truth = batch(task)
    past[..., 1:3], past[..., 4] = 2.0, 3.0
    trainer = Trainer(model, Quantile([0.1, 0.5, 0.9]))
    trainer.compile(optimizer=keras.optimizers.SGD(0.1), loss=trainer.loss, jit_compile=False)
    trainer.train_on_batch(past, truth)
    level = model.get_layer("category_level")
    assert np.abs(level.kernel.numpy()).max() > 0
    assert model.output_shape == (None, 2, 1, 3)
