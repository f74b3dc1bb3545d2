import numpy as np
import pytest

from tsforecast.monitoring.blocks import BlockBuilder, join_blocks


def rows(count=500, step=60, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, 2))
    values[rng.uniform(size=values.shape) < 0.1] = np.nan
    return np.arange(count) * step + 1_000_020, values


def build(seconds, values, cuts, step=60):
    builder = BlockBuilder(step, values.shape[1])
    parts = [
        builder.add(seconds[start:stop], values[start:stop])
        for start, stop in zip([0, *cuts], [*cuts, None], strict=True)
    ]
    return join_blocks(parts, values.shape[1]), builder


@pytest.mark.parametrize(
    "cuts", [[1], [7, 8, 9, 300], list(range(1, 500))], ids=["one", "few", "single rows"]
)
def test_pieces_give_the_same_blocks_as_all_rows_at_once(cuts):
    seconds, values = rows()
    whole, _ = build(seconds, values, [])
    pieces, _ = build(seconds, values, cuts)
    for name, expected in vars(whole).items():
        np.testing.assert_array_equal(getattr(pieces, name), expected, err_msg=name)


def test_a_block_has_the_mean_and_the_mean_difference_of_its_rows():
    seconds, values = rows()
    blocks, _ = build(seconds, values, [])
    at = int(np.flatnonzero(seconds == blocks.time[1])[0])
    part = values[at : at + 60]
    np.testing.assert_allclose(blocks.mean[1], np.nanmean(part, axis=0))
    np.testing.assert_allclose(
        blocks.roughness[1], np.nanmean(np.abs(np.diff(values[at - 1 : at + 60], axis=0)), axis=0)
    )
    np.testing.assert_allclose(blocks.observed[1], np.isfinite(part).mean(axis=0))


def test_a_block_with_few_values_has_no_mean():
    seconds, values = rows(240)
    values[60:160, 0] = np.nan
    blocks, _ = build(seconds, values, [])
    assert np.isnan(blocks.mean[:, 0]).any()
    assert np.isfinite(blocks.mean[1:, 1]).all()  # the first block begins before the rows


def test_there_is_no_difference_across_rows_that_were_left_out():
    seconds = np.array([0, 1800, 3600, 9000, 10800, 14400])
    values = np.array([[0.0], [1.0], [2.0], [50.0], [51.0], [51.0]])
    blocks, _ = build(seconds, values, [], step=1800)
    assert blocks.roughness[:, 0].tolist()[1:3] == [1.0, pytest.approx(np.nan, nan_ok=True)]


def test_rows_further_apart_than_an_hour_are_blocks_of_their_own():
    blocks, _ = build(np.arange(4) * 86_400, np.arange(4.0)[:, None], [2], step=86_400)
    assert blocks.mean[:, 0].tolist() == [0.0, 1.0, 2.0]
    assert blocks.roughness[1:, 0].tolist() == [1.0, 1.0]


def test_a_restored_builder_continues():
    seconds, values = rows()
    whole, _ = build(seconds, values, [])
    first = BlockBuilder(60, 2)
    parts = [first.add(seconds[:130], values[:130])]
    second = BlockBuilder(60, 2)
    second.restore(first.to_dict())
    parts.append(second.add(seconds[130:], values[130:]))
    np.testing.assert_array_equal(join_blocks(parts, 2).roughness, whole.roughness)
