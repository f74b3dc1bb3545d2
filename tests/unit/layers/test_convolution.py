import numpy as np
import pytest

from tsforecast.layers.convolution import ChannelConvolution, ModernTCNBlock


@pytest.mark.parametrize(("steps", "size"), [(12, 5), (4, 9), (7, 1)])
def test_convolution_equals_numpy(steps, size):
    series = np.random.default_rng(0).normal(size=(2, steps, 3)).astype("float32")
    layer = ChannelConvolution(size)
    layer(series)
    kernel = np.asarray(layer.kernel)
    half = size // 2
    padded = np.pad(series, [(0, 0), (half, half), (0, 0)])
    expected = sum(padded[:, t : t + steps] * kernel[t] for t in range(size))
    np.testing.assert_allclose(layer(series), expected, atol=1e-5)


def test_a_kernel_must_be_odd():
    with pytest.raises(ValueError, match="must be odd"):
        ChannelConvolution(4)


def test_block_mixes_steps_numbers_and_series():
    tokens = np.random.default_rng(0).normal(size=(2, 9, 3, 4)).astype("float32")
    block = ModernTCNBlock(kernel=5, small_kernel=3, ratio=2)
    before = np.asarray(block(tokens))
    changed = tokens.copy()
    changed[0, 4, 1, 2] += 1.0
    moved = np.abs(np.asarray(block(changed)) - before) > 1e-7
    assert not moved[1].any()
    assert moved[0].any(axis=(1, 2)).tolist() == [2 <= step <= 6 for step in range(9)]
    assert moved[0, 4].all()
