import numpy as np

from tsforecast.layers.mixing import MixingBlock


def test_block_equals_its_formula():
    series = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")
    block = MixingBlock(hidden=6, norm="layer")
    block(series)

    def norm(values):
        flat = values.reshape(4, -1)
        deviation = np.sqrt(flat.var(axis=1, keepdims=True) + 1e-3)
        return ((flat - flat.mean(axis=1, keepdims=True)) / deviation).reshape(values.shape)

    (w1, b1), (w2, b2), (w3, b3) = (
        part.get_weights() for part in (block.along_time, block.widen, block.narrow)
    )
    first = series + np.swapaxes(np.maximum(np.swapaxes(norm(series), 1, 2) @ w1 + b1, 0), 1, 2)
    expected = first + np.maximum(norm(first) @ w2 + b2, 0) @ w3 + b3
    np.testing.assert_allclose(block(series), expected, atol=1e-5)


def test_batch_norm_has_statistics_of_each_step_and_channel():
    series = np.random.default_rng(1).normal(size=(200, 4, 2)).astype("float32")
    series += np.arange(8).reshape(4, 2)
    block = MixingBlock(hidden=3)
    block(series, training=True)
    mean = np.asarray(block.norms[0].moving_mean).reshape(4, 2)
    np.testing.assert_allclose(mean, 0.01 * series.mean(axis=0), atol=1e-4)
