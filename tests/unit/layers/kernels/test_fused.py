"""The forms for a CPU against the plain ones: the same results, gradients and statistics."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tsforecast.layers.encoder import EncoderBlock
from tsforecast.layers.kernels import fused


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def results_and_gradients(call, sources):
    """The result of a call, and the gradients of an uneven function of it."""
    sources = [tf.constant(source) for source in sources]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        result = call(*sources)
        value = tf.reduce_sum(tf.sin(2.0 * tf.cast(result, "float32")))
    return [result, *tape.gradient(value, sources)]


def assert_the_same_both_ways(call, sources, monkeypatch, atol=1e-5):
    found = results_and_gradients(call, sources)
    monkeypatch.setattr(fused, "on_cpu", lambda: False)
    for one, other in zip(found, results_and_gradients(call, sources), strict=True):
        np.testing.assert_allclose(one, other, atol=atol, rtol=1e-4)


def test_the_activation(monkeypatch):
    assert_the_same_both_ways(fused.gelu, [np.linspace(-6, 6, 101, dtype="float32")], monkeypatch)


@pytest.mark.parametrize("causal", [False, True])
def test_attention(monkeypatch, causal):
    queries, keys, values = random(3, 2, 5, 4), random(3, 2, 4, 5, seed=1), random(3, 2, 4, 5, seed=2)
    queries[0] *= 100  # weights of zero and one
    attend = partial(fused.attend, causal=causal)
    assert_the_same_both_ways(attend, [queries, keys, values], monkeypatch, atol=1e-4)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_that_of_keras(causal):
    queries, keys, values = random(3, 2, 5, 4), random(3, 2, 4, 5, seed=1), random(3, 2, 4, 5, seed=2)
    plain = ops.dot_product_attention(
        *(
            ops.transpose(part, order)
            for part, order in ((queries, (0, 2, 1, 3)), (keys, (0, 3, 1, 2)), (values, (0, 3, 1, 2)))
        ),
        is_causal=causal,
    )
    np.testing.assert_allclose(
        fused.attend(*map(ops.convert_to_tensor, (queries, keys, values)), causal=causal),
        ops.transpose(plain, (0, 2, 1, 3)),
        atol=1e-6,
    )


@pytest.mark.parametrize(
    "make", [lambda: fused.Affine(3, activation="tanh"), lambda: fused.TokenNorm(momentum=0.9)]
)
def test_layers(make, monkeypatch):
    layer, x = make(), random(4, 2, 6, 5)
    layer.build(x.shape)
    values = [random(*v.shape, seed=i) for i, v in enumerate(layer.trainable_variables)]

    def call(x, *values):
        state = [(v, tf.identity(v.value)) for v in layer.non_trainable_variables]
        mapping = [*zip(layer.trainable_variables, values, strict=True), *state]
        with keras.StatelessScope(mapping) as scope:
            result = layer(x, training=True)
            after = [scope.get_current_value(v) for v in layer.non_trainable_variables]
        return tf.concat([tf.reshape(part, [-1]) for part in (result, *map(tf.stop_gradient, after))], 0)

    assert_the_same_both_ways(call, [x, *values], monkeypatch, atol=1e-4)


@pytest.mark.parametrize(
    "options", [{"norm": "batch"}, {"norm": "layer", "pre_norm": True, "attention_dropout": 0.5}]
)
def test_a_block_outside_training_is_the_same_both_ways(options, monkeypatch):
    block, tokens = EncoderBlock(heads=2, d_ff=12, **options), random(3, 2, 5, 8)
    block.build(tokens.shape)
    assert_the_same_both_ways(block, [tokens], monkeypatch, atol=1e-4)


def test_dropout_drops_its_share_evenly_and_anew():
    layer = fused.CheapDropout(0.3, seed=1)
    ones = np.ones((400, 500), "float32")
    first, second = (np.asarray(layer(ones, training=True)) for _ in range(2))
    np.testing.assert_allclose(np.unique(first), [0, 1 / 0.7], rtol=1e-6)
    both_or_neither = (first > 0) == (second > 0)
    for kept, expected in ((first > 0, 0.7), (second > 0, 0.7), (both_or_neither, 0.49 + 0.09)):
        deviation = np.sqrt(expected * (1 - expected))
        assert abs(kept.mean() - expected) < 5 * deviation / np.sqrt(kept.size)
        for axis in (0, 1):
            assert np.abs(kept.mean(axis=axis) - expected).max() < 6 * deviation / np.sqrt(kept.shape[axis])
    neighbors = np.corrcoef((first > 0)[:, :-1].ravel(), (first > 0)[:, 1:].ravel())[0, 1]
    assert abs(neighbors) < 0.012
    np.testing.assert_array_equal(layer(ones, training=False), ones)


def test_dropout_is_repeated_by_its_seed():
    ones = np.ones((20, 30), "float32")
    one, other, another = (
        np.asarray(fused.CheapDropout(0.5, seed=s)(ones, training=True)) for s in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, other)
    assert (one != another).any()


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_compiled_step_grows_only_with_the_number_of_blocks(norm):
    """No block recomputes the masks and norms of earlier blocks: three blocks need at most three times the hashes."""

    def hashes(depth):
        tokens = tf.constant(random(4, 1, 6, 16))
        blocks = [EncoderBlock(heads=2, d_ff=16, dropout=0.2, norm=norm) for _ in range(depth)]
        for block in blocks:
            block.build(tokens.shape)
        weights = [v.value for block in blocks for v in block.trainable_variables]

        @tf.function(jit_compile=True)
        def slopes(result):
            with tf.GradientTape() as tape:
                for block in blocks:
                    result = block(result, training=True)
                loss = tf.reduce_sum(tf.sin(result))
            return tape.gradient(loss, weights)

        return slopes.experimental_get_compiler_ir(tokens)(stage="optimized_hlo").count(" xor(")

    one, three = hashes(1), hashes(3)
    assert 0 < three <= 3 * one
