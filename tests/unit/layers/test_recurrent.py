"""The fast recurrent layers against Keras' own: results, gradients, files, and which path runs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tsforecast.layers import recurrent
from tsforecast.layers.kernels import recurrent_tensorflow as kernels
from tsforecast.layers.recurrent import GRU, LSTM, Bidirectional, recurrent_paths

# Keras saves weights through np.array(variable), which NumPy 2 wants spelled otherwise.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

UNITS, CHANNELS = 6, 3
PAIRS = [(LSTM, keras.layers.LSTM), (GRU, keras.layers.GRU)]
both_cells = pytest.mark.parametrize(("ours", "stock"), PAIRS, ids=["lstm", "gru"])


def inputs(batch=3, length=7, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, length, CHANNELS)).astype("float32")


def twins(ours, stock, **settings):
    """Both layers with the same random weights, biases included."""
    settings = {"bias_initializer": "random_normal", **settings}
    pair = ours(UNITS, **settings), stock(UNITS, **settings)
    for layer in pair:
        layer.build((None, None, CHANNELS))
    pair[1].set_weights(pair[0].get_weights())
    return pair


def results_and_gradients(layer, x, states=(), jit_compile=False, training=True):
    """Outputs, and gradients of an uneven function of all of them for inputs, states and weights."""
    sources = [tf.constant(x), *map(tf.constant, states)]

    @tf.function(jit_compile=jit_compile)
    def run(x, *states):
        initial = (list(states) if len(states) > 1 else states[0]) if states else None
        with tf.GradientTape() as tape:
            tape.watch([x, *states])
            outputs = layer(x, initial_state=initial, training=training)
            outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
            value = tf.add_n([tf.reduce_mean(tf.sin(3.0 * tf.cast(o, "float32"))) for o in outputs])
        weights = [v.value for v in layer.trainable_variables]
        return outputs, tape.gradient(value, [x, *states, *weights])

    outputs, gradients = run(*sources)
    return [o.numpy() for o in outputs], [g.numpy() for g in gradients]


def assert_same(one, other, outputs=1e-5, gradients=1e-4):
    for got, expected in zip(one[0], other[0], strict=True):
        np.testing.assert_allclose(got, expected, atol=outputs)
    for got, expected in zip(one[1], other[1], strict=True):
        np.testing.assert_allclose(got, expected, atol=gradients * max(1e-3, np.abs(expected).max()))


@pytest.mark.parametrize(
    ("ours", "stock", "sequences", "jit_compile"),
    [(*PAIRS[0], False, False), (*PAIRS[0], True, True), (*PAIRS[1], False, True), (*PAIRS[1], True, False)],
    ids=["lstm-last-graph", "lstm-all-xla", "gru-last-xla", "gru-all-graph"],
)
def test_outputs_and_gradients_are_those_of_keras(ours, stock, sequences, jit_compile):
    fast, slow = twins(ours, stock, return_sequences=sequences)
    assert fast.path == "xla-cpu"
    x = inputs()
    assert_same(results_and_gradients(fast, x, jit_compile=jit_compile), results_and_gradients(slow, x))


@both_cells
@pytest.mark.parametrize(("sequences", "backwards"), [(False, True), (True, False)], ids=["last", "all"])
def test_states_go_in_and_out_with_gradients(ours, stock, sequences, backwards):
    fast, slow = twins(
        ours, stock, return_sequences=sequences, go_backwards=backwards, return_state=True, use_bias=False
    )
    states = [inputs(3, UNITS, seed=k)[:, :, 0] for k in range(1 + (ours is LSTM))]
    x = inputs()
    assert_same(results_and_gradients(fast, x, states), results_and_gradients(slow, x, states))


@both_cells
@pytest.mark.parametrize(("batch", "length"), [(1, 1), (1, 5), (4, 2)])
def test_inference_at_any_size(ours, stock, batch, length):
    fast, slow = twins(ours, stock, return_sequences=True)
    x = inputs(batch, length)
    np.testing.assert_allclose(fast(x).numpy(), slow(x).numpy(), atol=1e-5)


@both_cells
def test_gradients_outside_training_are_exact_too(ours, stock):
    fast, slow = twins(ours, stock, return_sequences=True)
    x = inputs()
    assert_same(
        results_and_gradients(fast, x, training=False), results_and_gradients(slow, x, training=False)
    )


@both_cells
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_a_tape_outside_any_graph_gives_keras_gradients(ours, stock, training):
    found = []
    for layer in twins(ours, stock, return_sequences=True):
        for x in (
            tf.constant(inputs(2)),
            tf.constant(inputs(3)),
        ):  # the second batch size meets the first one's trace
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = tf.reduce_mean(tf.sin(3.0 * layer(x, training=training)))
            gradients = tape.gradient(value, [x, *[v.value for v in layer.trainable_variables]])
        found.append(([value.numpy()], [gradient.numpy() for gradient in gradients]))
    assert_same(*found)


@both_cells
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_one_trace_serves_any_batch_and_length(ours, stock, jit_compile):
    fast, slow = twins(ours, stock, return_sequences=True)
    signature = [tf.TensorSpec([None, None, CHANNELS])]
    call = tf.function(lambda x: fast(x, training=True), signature, jit_compile=jit_compile)
    for shape in [(2, 4), (3, 5)]:
        np.testing.assert_allclose(call(inputs(*shape)).numpy(), slow(inputs(*shape)).numpy(), atol=1e-5)


@pytest.mark.parametrize("merge_mode", ["concat", "sum"])
def test_bidirectional_is_that_of_keras(merge_mode):
    x = inputs()
    fast = Bidirectional(LSTM(UNITS, return_sequences=True), merge_mode=merge_mode)
    slow = keras.layers.Bidirectional(keras.layers.LSTM(UNITS, return_sequences=True), merge_mode=merge_mode)
    fast.build(x.shape), slow.build(x.shape)
    slow.set_weights(fast.get_weights())
    assert (fast.path, fast.path_reason()) == ("xla-cpu", "")
    assert_same(results_and_gradients(fast, x), results_and_gradients(slow, x))


@both_cells
def test_dropout_draws_the_same_mask_as_keras(ours, stock):
    fast, slow = twins(ours, stock, dropout=0.5, seed=3)
    x = np.ones((2, 4, CHANNELS), "float32")
    dropped = fast(x, training=True).numpy()
    np.testing.assert_allclose(dropped, slow(x, training=True).numpy(), atol=1e-5)
    assert np.abs(dropped - fast(x).numpy()).max() > 1e-3


@both_cells
def test_masked_calls_take_keras_path(ours, stock):
    fast, slow = twins(ours, stock)
    mask = np.array([[True] * 7, [True] * 4 + [False] * 3, [False] + [True] * 6])
    x = inputs()
    np.testing.assert_allclose(fast(x, mask=mask).numpy(), slow(x, mask=mask).numpy(), atol=1e-6)
    assert np.abs(fast(x, mask=mask).numpy() - fast(x).numpy()).max() > 1e-3


@pytest.mark.parametrize(
    ("ours", "stock", "policy", "hardware"),
    [
        (*PAIRS[0], "mixed_float16", True),
        (*PAIRS[0], "mixed_bfloat16", False),
        (*PAIRS[1], "mixed_float16", False),
        (*PAIRS[1], "mixed_bfloat16", True),
    ],
)
def test_half_precision_is_close_to_float32(ours, stock, policy, hardware, monkeypatch):
    monkeypatch.setattr(kernels, "has_bfloat16_products", lambda: hardware)
    half, _ = twins(ours, stock, return_sequences=True, dtype=policy)
    full = stock(UNITS, return_sequences=True)
    full.build((None, None, CHANNELS))
    full.set_weights(half.get_weights())
    x = inputs()
    got = results_and_gradients(half, x)
    assert got[0][0].dtype == policy.removeprefix("mixed_")
    assert [g.dtype for g in got[1]] == ["float32"] * 4
    got[0][0] = got[0][0].astype("float32")
    assert_same(got, results_and_gradients(full, x), outputs=2e-2, gradients=4e-2)


def small_model(namespace):
    return keras.Sequential(
        [
            keras.Input((None, CHANNELS)),
            namespace.LSTM(UNITS, return_sequences=True),
            namespace.Bidirectional(namespace.GRU(UNITS)),
        ]
    )


class Ours:
    LSTM, GRU, Bidirectional = LSTM, GRU, Bidirectional


@pytest.mark.parametrize(("one", "other"), [(Ours, keras.layers), (keras.layers, Ours)], ids=["to", "from"])
def test_weight_files_load_in_keras_layers_and_back(one, other, tmp_path):
    saved, loaded = small_model(one), small_model(other)
    saved.save_weights(tmp_path / "model.weights.h5")
    loaded.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(loaded(inputs()).numpy(), saved(inputs()).numpy(), atol=1e-5)


def test_models_and_configs_round_trip(tmp_path):
    model = small_model(Ours)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert [type(layer) for layer in again.layers] == [LSTM, Bidirectional]
    assert type(again.layers[1].backward_layer) is GRU
    np.testing.assert_array_equal(again(inputs()).numpy(), model(inputs()).numpy())
    assert LSTM(4).get_config().keys() == keras.layers.LSTM(4).get_config().keys()


@pytest.mark.parametrize(
    ("layer", "settings", "reason"),
    [
        (LSTM, {"recurrent_dropout": 0.1}, "recurrent_dropout is 0.1"),
        (LSTM, {"activation": "relu"}, "activation is relu"),
        (GRU, {"recurrent_activation": "hard_sigmoid"}, "recurrent_activation is hard_sigmoid"),
        (LSTM, {"unroll": True}, "unroll is True"),
        (GRU, {"stateful": True}, "stateful is True"),
        (GRU, {"reset_after": False}, "reset_after is False"),
        (LSTM, {"use_cudnn": True}, "use_cudnn is True"),
        (LSTM, {"dropout": 0.1, "implementation": 1}, "dropout with implementation 1"),
    ],
)
def test_other_settings_take_keras_path_and_say_why(layer, settings, reason):
    built = layer(UNITS, **settings)
    assert (built.path, built.path_reason()) == ("keras", reason)


def test_fallback_computes_what_keras_computes():
    fast, slow = twins(GRU, keras.layers.GRU, reset_after=False, activation="relu")
    np.testing.assert_array_equal(fast(inputs()).numpy(), slow(inputs()).numpy())


def test_on_a_gpu_keras_layers_run_with_cudnn(monkeypatch):
    monkeypatch.setattr(kernels, "on_gpu", lambda: True)
    assert LSTM(UNITS).path == "cudnn"
    assert LSTM(UNITS, use_bias=False).path_reason() == "use_bias is False"


@pytest.mark.parametrize(
    ("backend", "gpu", "layer", "path", "reason"),
    [
        ("jax", True, LSTM, "cudnn", ""),
        ("jax", True, GRU, "keras", "the backend is jax, whose GRU has no cuDNN"),
        ("jax", False, LSTM, "keras", "the backend is jax, on a CPU"),
        ("torch", True, GRU, "cudnn", ""),
        ("torch", False, GRU, "keras", "the backend is torch, on a CPU"),
    ],
)
def test_other_backends_have_cudnn_on_a_gpu_only(monkeypatch, backend, gpu, layer, path, reason):
    built = layer(UNITS)
    monkeypatch.setattr(recurrent, "_on_gpu", lambda: gpu)
    monkeypatch.setattr(keras.config, "backend", lambda: backend)
    assert (built.path, built.path_reason()) == (path, reason)


def test_paths_of_a_model_are_listed_and_xla_is_allowed():
    model = keras.Sequential(
        [
            keras.Input((5, CHANNELS)),
            LSTM(UNITS, return_sequences=True, name="quick"),
            Bidirectional(GRU(UNITS, return_sequences=True, name="both")),
            LSTM(UNITS, return_sequences=True, recurrent_dropout=0.2, name="dropped"),
            keras.layers.GRU(UNITS, name="stock"),
        ]
    )
    assert recurrent_paths(model) == {
        "quick": "xla-cpu",
        "forward_both": "xla-cpu",
        "backward_both": "xla-cpu",
        "dropped": "keras: recurrent_dropout is 0.2",
        "stock": "keras: it is Keras' own GRU",
    }
    assert [layer.supports_jit for layer in model.layers[:2]] == [True, True]


def test_jax_on_a_gpu_computes_an_lstm_in_float32_and_saves_the_policy_it_was_given(monkeypatch):
    monkeypatch.setattr(recurrent.keras.config, "backend", lambda: "jax")
    monkeypatch.setattr(recurrent, "_on_gpu", lambda: True)
    layer = LSTM(UNITS, dtype="mixed_bfloat16")
    layer.build((None, None, CHANNELS))
    assert (layer.path, layer.compute_dtype, layer.cell.compute_dtype) == ("cudnn", "float32", "float32")
    assert layer.variable_dtype == "float32"
    assert LSTM.from_config(layer.get_config()).compute_dtype == "bfloat16"
    slow = GRU(UNITS, dtype="mixed_bfloat16")  # JAX has no cuDNN for it
    slow.build((None, None, CHANNELS))
    assert slow.compute_dtype == "bfloat16"
