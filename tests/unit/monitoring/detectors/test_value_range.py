import numpy as np

from tsforecast.monitoring.detectors.value_range import RangeDetector, ValueRange


def detector(rows=3):
    learned = ValueRange.empty(1).extend(np.array([[0.0], [0.1], [-11.0], [np.nan]]))
    return RangeDetector(learned, factor=2.0, rows=rows)


def test_kilowatts_that_become_watts_are_noticed_and_so_is_the_way_back():
    values = np.array([[0.3], [1.2], [5.0], [0.9]])
    for factor in (1000.0, 0.001):
        assert detector().update(factor * values).active[-1, 0]
    assert not detector().update(values).active.any()
    assert not detector().update(np.zeros((50, 1))).active.any()


def test_a_single_outlier_is_no_change_of_unit():
    values = np.full((100, 1), 1.0)
    values[50] = 500.0
    assert not detector().update(values).active.any()


def test_the_condition_ends_an_hour_of_rows_after_the_last_such_value():
    watch = detector()
    watch.update(np.full((5, 1), 900.0))
    active = watch.update(np.full((61, 1), 1.0)).active[:, 0]
    assert active[:59].all()
    assert not active[60]


def test_a_range_without_values_survives_json():
    empty = ValueRange.from_dict(ValueRange.empty(1).to_dict())
    assert np.isinf(empty.smallest).all()
