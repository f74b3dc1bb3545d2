import numpy as np

from tsforecast.monitoring.gathering import Score, gather_rows, gather_truths


def test_rows_are_put_in_order_and_unknown_features_are_left_out():
    seconds, values = gather_rows(
        [(120, {"a": 3.0, "x": 9.0}), (60, {"a": np.nan}), (60, {"a": 2.0})], ["a", "b"]
    )
    assert seconds.tolist() == [60, 120]
    np.testing.assert_array_equal(values, [[2.0, np.nan], [3.0, np.nan]])


def test_scores_of_several_steps_and_targets():
    scores = [
        Score(60, 0, 1.0, 0.5, 0.0, 2.0, 1.5),
        Score(60, 0, 3.0, 0.0, None, None, 1.5),
        Score(0, 1, 4.0, 4.0, 3.0, 5.0, 6.0),
    ]
    truths = gather_truths(scores, 2)
    assert truths.seconds.tolist() == [0, 60]
    np.testing.assert_allclose(truths.forecast, [[np.nan, 4.0], [2.0, np.nan]])
    np.testing.assert_allclose(truths.residual, [[np.nan, 2.0], [-0.5, np.nan]])
    np.testing.assert_allclose(truths.naive, [[np.nan, 2.0], [1.25, np.nan]])
    np.testing.assert_allclose(truths.inside, [[np.nan, 0.0], [1.0, np.nan]])
