import numpy as np

from tsforecast.monitoring.detectors.missing import MissingOptions, MissingSensor

OPTIONS = MissingOptions(rows=5, share=0.3, window=20)


def rows(text):
    return np.array([[np.nan if letter == "." else 1.0] for letter in text])


def test_a_gap_raises_the_condition_and_a_value_ends_it():
    active = MissingSensor(1, MissingOptions(rows=5, share=1.0, window=20)).update(rows("xxx......xx")).active
    assert active[:, 0].tolist() == [False] * 7 + [True] * 2 + [False] * 2


def test_many_single_gaps_raise_it_too():
    detector = MissingSensor(1, OPTIONS)
    active = detector.update(rows("xx." * 10)).active[:, 0]
    assert active[-1]
    assert not active[:10].any()
    assert not detector.update(rows("x" * 20)).active[-1, 0]


def test_a_gap_that_is_over_ends_at_once_though_many_rows_were_missing():
    detector = MissingSensor(1, MissingOptions(rows=2, share=0.6, window=10))
    assert detector.update(rows("xxxx....xx")).active[:, 0].tolist() == [False] * 5 + [True] * 3 + [False] * 2


def test_pieces_give_the_same():
    text = "x.....xx.x.x..x......x"
    whole = MissingSensor(1, OPTIONS).update(rows(text)).active
    detector = MissingSensor(1, OPTIONS)
    assert [detector.update(rows(letter)).active[0, 0] for letter in text] == whole[:, 0].tolist()
