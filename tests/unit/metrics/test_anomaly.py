import numpy as np
import pytest

from tsforecast.metrics.anomaly import event_f1, extend_labels, vus_pr

# VUS-PR of the authors' package (vus 0.0.6, basic_metricor().RangeAUC_volume) on the series of `planted_scores`.
PUBLISHED = {
    (0, 0): 0.05720048729320798,
    (0, 20): 0.11088853315648484,
    (1, 0): 0.3178036325486442,
    (1, 50): 0.4306413564041421,
    (3, 20): 0.8994854465810515,
    (4, 20): 0.49182752681545494,
    (4, 50): 0.5063233641183698,
    (5, 20): 0.45485701125769423,
    (5, 50): 0.5063673456324341,
}


def planted_scores(seed):
    rng = np.random.default_rng(seed)
    labels = np.zeros(600, int)
    for start in rng.integers(20, 560, 5):
        labels[start : start + rng.integers(1, 25)] = 1
    if seed == 5:  # anomalies at both ends
        labels[:3] = labels[-4:] = 1
    scores = rng.uniform(size=600) + labels * [0, 0.2, 0.5, 1, 0.3, 0.4][seed]
    return labels, np.round(scores, 1) if seed == 4 else scores  # 4: ties


@pytest.mark.parametrize(("seed", "buffer"), PUBLISHED)
def test_vus_pr_equals_the_authors_values(seed, buffer):
    assert vus_pr(*planted_scores(seed), buffer) == pytest.approx(PUBLISHED[seed, buffer], abs=1e-12)


def test_vus_pr_of_a_late_score_is_better_with_a_buffer():
    labels = np.zeros(300)
    labels[100:110] = 1
    late = np.roll(labels, 8)
    assert vus_pr(labels, late, 40) > vus_pr(labels, late, 0) + 0.1


def test_without_an_anomaly_there_is_no_value():
    assert np.isnan(vus_pr(np.zeros(10), np.arange(10.0), 4))


def test_labels_are_extended_within_the_series():
    extended = extend_labels(np.array([1.0, 0.0, 0.0, 0.0, 0.0, 1.0]), 4)
    assert extended[0] == extended[-1] == 1.0
    assert extended[2] == 0.0


@pytest.mark.parametrize(
    ("flags", "tolerance", "precision", "recall"),
    [
        ("..xx......", 0, 1.0, 0.5),
        ("..xx.x....", 0, 0.5, 0.5),
        ("..xx.x....", 2, 1.0, 0.5),
        ("..x......x", 1, 1.0, 1.0),
        ("x.........", 0, 0.0, 0.0),
    ],
)
def test_events_are_hit_by_any_flag_in_them(flags, tolerance, precision, recall):
    labels = np.array([letter == "1" for letter in "0011000010"])
    scores = event_f1(labels, np.array([letter == "x" for letter in flags]), tolerance)
    assert (scores["event_precision"], scores["event_recall"]) == (precision, recall)


def test_no_alarm_has_no_precision():
    scores = event_f1(np.array([True, False]), np.array([False, False]))
    assert np.isnan(scores["event_precision"])
    assert scores["event_f1"] == 0.0
