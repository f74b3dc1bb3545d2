import numpy as np

from tsforecast.layers.residual import ResidualBlock


def test_block_equals_its_formula():
    features = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    block = ResidualBlock(hidden=6, units=3, norm=False)
    block(features)
    (w1, b1), (w2, b2), (w3, b3) = (
        part.get_weights() for part in (block.widen, block.narrow, block.shortcut)
    )
    expected = np.maximum(features @ w1 + b1, 0) @ w2 + b2 + features @ w3 + b3
    np.testing.assert_allclose(block(features), expected, atol=1e-5)
    normed = ResidualBlock(hidden=6, units=3)
    assert np.abs(np.asarray(normed(features)).mean(axis=-1)).max() < 1e-5
