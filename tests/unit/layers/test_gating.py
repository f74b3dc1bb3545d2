import numpy as np

from tsforecast.layers.gating import GatedResidual, GatedSum, InterpretableAttention, VariableSelection

RNG = np.random.default_rng(0)


def norm(values):
    centered = values - values.mean(axis=-1, keepdims=True)
    return centered / np.sqrt(values.var(axis=-1, keepdims=True) + 1e-3)


def gate(new, weights):
    kernel, bias = weights
    values = new @ kernel + bias
    half = values.shape[-1] // 2
    return values[..., half:] / (1 + np.exp(-values[..., :half]))


def test_gated_residual_equals_its_formula():
    features, context = RNG.normal(size=(4, 5)), RNG.normal(size=(4, 2))
    layer = GatedResidual(3)
    result = np.asarray(layer(features, context))
    (w1, b1), (w2, b2), (w3, b3) = (
        part.get_weights() for part in (layer.first, layer.second, layer.shortcut)
    )
    (wc,) = layer.context.get_weights()
    inner = features @ w1 + b1 + context @ wc
    inner = np.where(inner > 0, inner, np.expm1(np.minimum(inner, 0))) @ w2 + b2
    expected = norm(features @ w3 + b3 + gate(inner, layer.sum.gate.get_weights()))
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_a_closed_gate_leaves_the_old_features():
    layer = GatedSum(3)
    new, old = RNG.normal(size=(4, 5)), RNG.normal(size=(4, 3))
    layer(new, old)
    kernel, _ = layer.gate.get_weights()
    layer.gate.set_weights([0 * kernel, np.array([-50.0] * 3 + [1.0] * 3)])
    np.testing.assert_allclose(layer(new, old), norm(old), atol=1e-5)


def test_variable_selection_can_choose_one_variable():
    layer = VariableSelection(4)
    variables = RNG.normal(size=(2, 3, 3))
    layer(variables)
    layer.choose.sum.norm.set_weights([np.zeros(3), np.array([0.0, 100.0, 0.0])])
    before = np.asarray(layer(variables))
    changed = variables.copy()
    changed[..., [0, 2]] += 1.0
    np.testing.assert_allclose(layer(changed), before, atol=1e-6)
    changed[..., 1] += 1.0
    assert np.abs(np.asarray(layer(changed)) - before).max() > 1e-3


def test_attention_is_the_mean_over_heads_of_steps_up_to_its_own():
    steps = RNG.normal(size=(2, 5, 4)).astype("float32")
    layer = InterpretableAttention(heads=2, queries=3)
    result = np.asarray(layer(steps))
    maps = {name: part.get_weights() for name, part in layer.maps.items()}
    query, key, value = (steps @ maps[name][0] + maps[name][1] for name in ("query", "key", "value"))
    expected = np.zeros_like(result)
    for row in range(3):
        for head in range(2):
            part = slice(2 * head, 2 * head + 2)
            scores = np.einsum("bd,bsd->bs", query[:, 2 + row, part], key[:, : 3 + row, part]) / np.sqrt(2)
            weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            attended = np.einsum("bs,bsd->bd", weights, value[:, : 3 + row])
            expected[:, row] += (attended @ maps["join"][0] + maps["join"][1]) / 2
    np.testing.assert_allclose(result, expected, atol=1e-5)
