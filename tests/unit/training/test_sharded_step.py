"""The sharded step against Keras' own step: same numbers, for any batch, precision and accumulation."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tsforecast.errors import UserError
from tsforecast.inference.compiled import compiles_whole, sharded_forward
from tsforecast.layers.recurrent import GRU, LSTM
from tsforecast.training.sharded_step import needs_whole_batch, sharded_train_step

# Keras saves weights through np.array(variable), which NumPy 2 wants spelled otherwise.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


class Trainer(keras.Model):
    """Takes Keras' own step with 0 shards."""

    shards = 0

    def train_step(self, data):
        return sharded_train_step(self, data, self.shards) if self.shards else super().train_step(data)


def dense_layers():
    regularizer = keras.regularizers.L2(0.1)
    return [
        keras.layers.Dense(5, activation="tanh", kernel_regularizer=regularizer, activity_regularizer="l2"),
        keras.layers.Dense(2, dtype="float32"),
    ]


def plain_layers():
    return [keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(2, dtype="float32")]


def trainer(
    shards, layers=None, shape=(4,), policy="float32", loss="mse", learning_rate=0.1, accumulate=None
):
    keras.utils.set_random_seed(7)
    keras.config.set_dtype_policy(policy)
    x = inputs = keras.Input(shape)
    for layer in layers() if layers else dense_layers():
        x = layer(x)
    model = Trainer(inputs, x)
    keras.config.set_dtype_policy("float32")
    optimizer = keras.optimizers.SGD(learning_rate, momentum=0.9, gradient_accumulation_steps=accumulate)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, loss, metrics=["mae"], jit_compile=False)
    model.shards = shards
    return model


def batch(rows, shape=(4,), seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, *shape)).astype("float32"), rng.normal(size=(rows, 2)).astype("float32")


def trained(model, sizes=(7, 7, 3), shape=(4,)):
    """Weights and the last logs after a step on each of some batches."""
    for seed, rows in enumerate(sizes):
        logs = model.train_on_batch(*batch(rows, shape, seed), return_dict=True)
    return np.concatenate([w.ravel() for w in model.get_weights()]), logs


@pytest.fixture(scope="module")
def unsharded():
    return trained(trainer(0))


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_gives_keras_step_whatever_the_remainder(shards, unsharded):
    weights, logs = trained(trainer(shards))  # 3 rows in 5 parts: fewer rows than parts
    np.testing.assert_allclose(weights, unsharded[0], atol=1e-5)
    assert logs.keys() == unsharded[1].keys()
    for name in logs:
        assert logs[name] == pytest.approx(unsharded[1][name], abs=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_accumulation_and_half_precision_too(policy):
    sizes = (8, 8, 8, 8)
    one, split = (trainer(n, plain_layers, policy=policy, accumulate=2, learning_rate=0.01) for n in (0, 2))
    start = np.concatenate([w.ravel() for w in one.get_weights()])
    expected, got = trained(one, sizes)[0], trained(split, sizes)[0]
    # A part rounds its own gradients: to 8 bits in bfloat16, to 11 in float16.
    tolerance = {"float32": 1e-6, "mixed_float16": 1e-5, "mixed_bfloat16": 1e-4}[policy]
    np.testing.assert_allclose(got, expected, atol=tolerance)
    assert np.abs(expected - start).max() > 100 * tolerance


def test_recurrent_layers_in_parts():
    def layers():
        return [LSTM(3, return_sequences=True), GRU(3), keras.layers.Dense(2)]

    one, split = (trained(trainer(n, layers, (6, 4)), (5, 5), (6, 4))[0] for n in (0, 2))
    np.testing.assert_allclose(split, one, atol=1e-5)


def test_unknown_batch_size_and_empty_parts():
    model = trainer(3)
    signature = (tf.TensorSpec([None, 4]), tf.TensorSpec([None, 2]))
    step = tf.function(lambda x, y: model.train_step((x, y)), signature, autograph=False)
    expected = trainer(0)
    for rows in (7, 2, 1):
        step(*batch(rows))
        expected.train_on_batch(*batch(rows))
    for got, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_sample_weights_and_structures():
    def run(shards):
        keras.utils.set_random_seed(1)
        a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
        model = Trainer({"a": a, "b": b}, keras.layers.Dense(2)(keras.layers.Add()([a, b])))
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
        model.shards = shards
        x, y = batch(5)
        model.train_on_batch({"a": x, "b": x[::-1]}, y, sample_weight=np.arange(5.0))
        return model.get_weights()[0]

    np.testing.assert_allclose(run(2), run(0), atol=1e-5)


def noisy_layers():
    return [keras.layers.Dropout(0.5, seed=3), Echo()]


class Echo(keras.layers.Layer):
    """Keeps what it saw, so that a test can look at it; a weight makes it trainable."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, x):
        return x * self.scale


def test_parts_draw_different_dropout_masks_and_seeds_advance():
    model = trainer(2, noisy_layers)
    seen = []
    model.compute_metrics = lambda x, y, y_pred, sample_weight: seen.append(y_pred) or {}
    step = tf.function(
        lambda: model.train_step((tf.ones((8, 4)), tf.ones((8, 4)))) or seen[-1], autograph=False
    )
    first, second = step().numpy(), step().numpy()
    assert set(np.unique(first)) == {0.0, 2.0}
    assert not np.array_equal(first[:4], first[4:])
    assert not np.array_equal(first > 0, second > 0)
    seeds = model.layers[1].seed_generator.state.numpy()
    np.testing.assert_array_equal(seeds, [3, 2])


def test_part_calls_do_not_wait_for_each_other():
    model = trainer(2, lambda: [keras.layers.Dropout(0.5), *dense_layers()])
    model.optimizer.build(model.trainable_variables)
    step = tf.function(lambda x, y: model.train_step((x, y)), autograph=False)
    graph = step.get_concrete_function(*map(tf.constant, batch(8))).graph
    calls = [op for op in graph.get_operations() if op.type.endswith("PartitionedCall")]
    assert len(calls) == 2
    for one, other in itertools.permutations(calls):
        assert one not in ancestors(other)


def ancestors(op):
    found, waiting = set(), [op]
    while waiting:
        current = waiting.pop()
        for source in [*(i.op for i in current.inputs), *current.control_inputs]:
            if source not in found:
                found.add(source)
                waiting.append(source)
    return found


@pytest.mark.parametrize("scaled", [False, True])
def test_a_schedule_is_evaluated_once_per_trace_and_gives_keras_weights(scaled):
    calls = []

    class Schedule(keras.optimizers.schedules.CosineDecay):
        def __call__(self, step):
            calls.append(step)
            return super().__call__(step)

    def train(shards):
        model = trainer(shards, plain_layers)
        optimizer = keras.optimizers.AdamW(Schedule(0.1, 10), weight_decay=0.01)
        if scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer, "mse", jit_compile=False)
        calls.clear()
        for seed in range(3):
            model.train_on_batch(*batch(8, seed=seed))
        return model, len(calls)

    (plain, plain_count), (sharded, count) = train(0), train(2)
    assert count <= 2  # Keras may trace the first step twice
    assert plain_count >= 5  # once for each variable and once for the updates
    assert "_get_current_learning_rate" not in vars(sharded.optimizer)
    for expected, weights in zip(plain.get_weights(), sharded.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, rtol=1e-6, atol=1e-7)


def test_one_trace_per_part_size():
    model = trainer(2)
    trained(model, (7, 7, 7, 7))
    assert model._sharded_gradients.function.experimental_get_tracing_count() == 2  # parts of 3 and of 4


def test_another_loss_or_frozen_layer_is_noticed():
    model = trainer(2, plain_layers)
    x, y = batch(6)
    model.train_on_batch(x, y)
    model.layers[1].trainable = False
    model.compile(keras.optimizers.SGD(0.1), "mae", jit_compile=False)
    model.reset_metrics()
    before, expected = model.get_weights(), np.abs(model(x).numpy() - y).mean()
    assert model.train_on_batch(x, y, return_dict=True)["loss"] == pytest.approx(expected, abs=1e-6)
    after = model.get_weights()
    np.testing.assert_array_equal(after[0], before[0])
    assert np.abs(after[2] - before[2]).max() > 1e-3


def test_a_model_that_stepped_still_saves(tmp_path):
    model = trainer(2)
    trained(model)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", custom_objects={"Trainer": Trainer})
    x, _ = batch(3)
    np.testing.assert_array_equal(sharded_forward(again, x, 1).numpy(), sharded_forward(model, x, 1).numpy())


def test_statistics_become_the_mean_over_the_parts():
    model = trainer(2, lambda: [keras.layers.BatchNormalization(momentum=0.5), keras.layers.Dense(2)])
    x, y = batch(8)
    model.train_on_batch(x, y)
    np.testing.assert_allclose(model.layers[1].moving_mean.numpy(), 0.5 * x.mean(0), atol=1e-6)
    parts = [x[:4].var(0), x[4:].var(0)]
    np.testing.assert_allclose(
        model.layers[1].moving_variance.numpy(), 0.5 + 0.5 * np.mean(parts, 0), atol=1e-6
    )


def test_bfloat16_hardware_keeps_large_products_outside_xla(monkeypatch):
    from tsforecast.layers.kernels import recurrent_tensorflow

    half = trainer(2, plain_layers, policy="mixed_bfloat16", learning_rate=0.01)
    monkeypatch.setattr(recurrent_tensorflow, "has_bfloat16_products", lambda: True)
    assert not compiles_whole(half)
    assert not compiles_whole(half, rows=32)
    assert compiles_whole(half, rows=1), "many calls cost more than the units save"
    assert compiles_whole(trainer(2))
    whole = trainer(0, plain_layers, policy="mixed_bfloat16", learning_rate=0.01)
    np.testing.assert_allclose(trained(half, (8,))[0], trained(whole, (8,))[0], atol=1e-4)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (keras.layers.BatchNormalization(name="norm"), "norm"),
        (keras.layers.BatchNormalization(name="frozen", trainable=False), None),
        (keras.layers.LayerNormalization(), None),
        (keras.layers.Dropout(0.5), None),
    ],
)
def test_layers_with_whole_batch_statistics_are_named(layer, name):
    model = keras.Sequential([keras.Input((4,)), keras.Sequential([layer])])
    assert needs_whole_batch(model) == name


def test_stateful_layers_are_named():
    model = keras.Sequential([keras.Input((5, 4), batch_size=2), LSTM(2, stateful=True, name="memory")])
    assert needs_whole_batch(model) == "memory"


@pytest.mark.parametrize("shards", [0, -1])
def test_fewer_than_one_shard_is_refused(shards):
    with pytest.raises(UserError, match=f"shards is {shards}"):
        sharded_train_step(trainer(0), batch(2)[0], shards)
