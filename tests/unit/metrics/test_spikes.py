"""The spike scorecard against hand-calculated cases, slow plain oracles and scikit-learn."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsforecast.metrics import spikes
from tsforecast.metrics.spikes import SpikeRule

NAN = math.nan


def rule(**changes) -> SpikeRule:
    return SpikeRule(
        **{"threshold": 1.0, "lead": 1, "min_gap": 3, "tolerance": 1, "rows_per_day": 1440, **changes}
    )


def spiky_case(seed: int, n=600, lead=3, horizon=2):
    """A noisy level with jumps: truth [n, H], origin [n], ends [n]."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.choice([0.0, 0.0, 3.0], size=n // 10 + 5), 10)
    series = level + 0.2 * rng.normal(size=len(level))
    ends = np.arange(n - lead - horizon)
    truth = series[ends[:, None] + lead + np.arange(horizon)]
    return truth, series[ends], ends


def loop_average_precision(spike, score):
    """For every distinct level from the top: precision times the recall gained, counted by hand."""
    total, recall_before = 0.0, 0.0
    for level in sorted(set(score), reverse=True):
        chosen = [hit for hit, value in zip(spike, score, strict=True) if value >= level]
        recall = sum(chosen) / sum(spike)
        total += (recall - recall_before) * sum(chosen) / len(chosen)
        recall_before = recall
    return total


def loop_onsets(rows, flags, gap):
    found = []
    for index, (row, flag) in enumerate(zip(rows, flags, strict=True)):
        if flag and (not found or row - rows[found[-1]] >= gap):
            found.append(index)
    return found


def most_pairs(events, alarms, tolerance):
    """Size of the largest one-to-one matching, by trying every assignment."""
    if not events or not alarms:
        return 0
    best = 0
    slots = [*range(len(alarms)), *[None] * len(events)]
    for choice in set(itertools.permutations(slots, len(events))):
        best = max(
            best,
            sum(a is not None and abs(events[e] - alarms[a]) <= tolerance for e, a in enumerate(choice)),
        )
    return best


def test_average_precision_by_hand():
    # Ranked: hit, miss, hit, miss. Precision 1 at recall 1/2, 2/3 at recall 1.
    found = spikes.average_precision(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]))
    assert found == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_matches_the_loop(seed):
    rng = np.random.default_rng(seed)
    spike = rng.random(60) < 0.3
    score = rng.integers(0, 12, 60) / 4  # many ties
    assert spikes.average_precision(spike, score) == pytest.approx(loop_average_precision(spike, score))


@pytest.mark.parametrize("ties", [False, True])
def test_average_precision_matches_scikit_learn(ties):
    reference = pytest.importorskip("sklearn.metrics").average_precision_score
    rng = np.random.default_rng(0)
    for share in (0.02, 0.3, 0.9):
        spike = rng.random(2000) < share
        score = rng.normal(size=2000) + spike
        score = np.round(score) if ties else score
        assert spikes.average_precision(spike, score) == pytest.approx(reference(spike, score), rel=1e-12)


def test_average_precision_at_its_ends():
    spike = np.array([True, False, False, True])
    assert spikes.average_precision(spike, np.array([2.0, 1, 0, 3])) == 1
    assert spikes.average_precision(spike, np.zeros(4)) == 0.5  # the share of spikes
    assert math.isnan(spikes.average_precision(np.zeros(4, bool), np.arange(4.0)))
    assert spikes.average_precision(spike, np.array([NAN, 1, 0, 3])) == pytest.approx(0.5 + 0.5 * 2 / 4)


def test_labels_by_hand():
    truth = np.array([[1.0, 3.0], [1.0, 1.5], [NAN, 3.0], [NAN, 1.0], [NAN, NAN], [9.0, 9.0]])
    origin = np.array([1.0, 1, 1, 1, 1, NAN])
    spike, known = spikes.label(truth, origin, 1.5)
    assert spike.tolist() == [True, False, True, False, False, False]
    assert known.tolist() == [True, True, True, False, False, False]


def test_threshold_from_quantile_matches_a_loop():
    rng = np.random.default_rng(2)
    values = rng.normal(size=80)
    values[rng.random(80) < 0.1] = NAN
    rises = []
    for start in range(80):
        steps = [values[row] if row < 80 else NAN for row in (start + 2, start + 3, start + 4)]
        rise = [step - values[start] for step in steps]
        if not any(map(math.isnan, rise)):
            rises.append(max(rise))
    assert spikes.threshold_from_quantile(values, 2, 3, 0.9) == pytest.approx(np.quantile(rises, 0.9))
    assert math.isnan(spikes.threshold_from_quantile(values[:4], 2, 3, 0.9))
    assert math.isnan(spikes.threshold_from_quantile(np.full(9, NAN), 1, 1, 0.9))


def test_the_quantile_sets_the_share_of_training_spikes():
    values = np.random.default_rng(3).normal(size=2001)
    threshold = spikes.threshold_from_quantile(values, 1, 1, 0.95)
    spike, _ = spikes.label(values[1:, None], values[:-1], threshold)
    assert spike.mean() == pytest.approx(0.05, abs=1e-3)


@given(
    flags=st.lists(st.booleans(), min_size=1, max_size=60),
    gap=st.integers(1, 12),
    seed=st.integers(0, 1000),
)
@settings(max_examples=80, deadline=None)
def test_onsets_match_the_loop(flags, gap, seed):
    rows = np.cumsum(np.random.default_rng(seed).integers(1, 4, len(flags)))
    assert spikes.onsets(rows, np.array(flags), gap).tolist() == loop_onsets(rows, flags, gap)


@given(
    events=st.lists(st.integers(0, 25), unique=True, max_size=4),
    alarms=st.lists(st.integers(0, 25), unique=True, max_size=4),
    tolerance=st.integers(0, 8),
)
@settings(max_examples=80, deadline=None)
def test_matching_finds_as_many_pairs_as_there_can_be(events, alarms, tolerance):
    events, alarms = sorted(events), sorted(alarms)
    pairs = spikes.match(events, alarms, tolerance)
    assert len(pairs) == most_pairs(events, alarms, tolerance)
    assert all(abs(events[e] - alarms[a]) <= tolerance for e, a in pairs)
    assert len({e for e, _ in pairs}) == len({a for _, a in pairs}) == len(pairs)


def test_event_scores_by_hand():
    # Lead 1, one step. Spikes at windows 2 and 12; alarms at 3 (one late: a hit), 8 (false), 15 (3 late: false).
    truth = np.zeros((20, 1))
    truth[[2, 12]] = 5.0
    alarm = np.zeros(20, bool)
    alarm[[3, 8, 15]] = True
    found = spikes.event_scores(truth, np.zeros(20), np.arange(20), alarm, rule(rows_per_day=10))
    assert (found["events"], found["alarms"]) == (2, 3)
    assert found["event_precision"] == pytest.approx(1 / 3)
    assert found["event_recall"] == pytest.approx(1 / 2)
    assert found["event_f1"] == pytest.approx(2 / 5)
    assert found["lead_time_minutes"] == 0.0  # alarmed at row 3, and the target rose at row 2 + 1
    assert found["false_alarms_per_day"] == 1.0  # two of them in 20 rows, two days


def test_lead_time_counts_to_the_first_spike_step():
    # Lead 4, horizon 3, the second step spikes: row 5 + 4 + 1. The alarm at row 5 comes 5 rows of 2 minutes before.
    truth = np.zeros((9, 3))
    truth[5, 1:] = 2.0
    alarm = np.arange(9) == 5
    found = spikes.event_scores(truth, np.zeros(9), np.arange(9), alarm, rule(lead=4, rows_per_day=720))
    assert found["lead_time_minutes"] == 10


def test_unknown_windows_count_neither_way():
    truth = np.zeros((6, 1))
    truth[[1, 4]] = NAN
    alarm = np.array([False, True, False, False, True, False])
    found = spikes.event_scores(truth, np.zeros(6), np.arange(6), alarm, rule(rows_per_day=2))
    assert (found["alarms"], found["false_alarms_per_day"]) == (0, 0)
    assert math.isnan(found["event_f1"])


@pytest.mark.parametrize("seed", range(4))
def test_perfect_knowledge_reaches_the_top(seed):
    truth, origin, ends = spiky_case(seed)
    score = spikes.forecast_rise(truth, origin)
    card = spikes.scorecard(truth, truth, origin, ends, score, alarm_level=1.0, rule=rule(lead=3, min_gap=10))
    model = card["model"]
    assert model["average_precision"] == pytest.approx(1, rel=1e-12)
    assert (model["event_f1"], model["false_alarms_per_day"]) == (1, 0)
    assert model["lead_time_minutes"] >= 3
    assert (model["mae_on"], model["rmse_off"]) == (0, 0)
    assert card["random"]["event_f1"] < 0.7
    assert card["always"]["event_f1"] < 0.7


def test_floors_by_hand():
    # Ten windows, always alarmed: onsets at 0, 3, 6, 9; the one spike at 4 is hit by 3. AP is the share of spikes.
    truth = np.zeros((10, 1))
    truth[4] = 2.0
    score = np.zeros(10)
    card = spikes.scorecard(
        truth, truth, np.zeros(10), np.arange(10), score, alarm_level=0.5, rule=rule(rows_per_day=10)
    )
    always = card["always"]
    assert always["average_precision"] == pytest.approx(0.1)
    assert always["event_f1"] == pytest.approx(2 / 5)
    assert always["false_alarms_per_day"] == 3
    assert card["model"]["prevalence"] == pytest.approx(0.1)
    assert card["model"]["event_f1"] == 0  # it never alarms


def test_the_random_floor_is_near_the_share_of_spikes_and_repeats():
    truth, origin, ends = spiky_case(5, n=4000)
    score = spikes.forecast_rise(truth, origin)

    def card(seed):
        return spikes.scorecard(
            truth, truth, origin, ends, score, alarm_level=1.0, rule=rule(lead=3), seed=seed
        )

    assert card(0) == card(0)
    assert card(0)["random"] != card(1)["random"]
    assert card(0)["random"]["average_precision"] == pytest.approx(card(0)["model"]["prevalence"], abs=0.03)


def test_a_lagging_forecast_is_found_out():
    # Persistence forecasts no rise at all: its score is constant and no better than the floor.
    truth, origin, ends = spiky_case(6)
    forecast = np.repeat(origin[:, None], truth.shape[1], axis=1)
    score = spikes.forecast_rise(forecast, origin)
    card = spikes.scorecard(truth, forecast, origin, ends, score, alarm_level=0.0, rule=rule(lead=3))
    assert card["model"]["average_precision"] == pytest.approx(card["model"]["prevalence"])
    assert card["model"]["alarms"] == 0
    assert card["model"]["mae_on"] > 1 > card["model"]["mae_off"]


def test_errors_on_and_off_by_hand():
    truth = np.array([[3.0], [0.5], [NAN]])
    forecast = np.array([[1.0], [0.0], [7.0]])
    found = spikes.errors_on_and_off(truth, forecast, np.zeros(3), 1.0)
    assert found == {"rmse_on": 2.0, "mae_on": 2.0, "rmse_off": 0.5, "mae_off": 0.5}


def test_choosing_the_alarm_level_beats_or_equals_every_candidate():
    truth, origin, ends = spiky_case(7)
    score = spikes.forecast_rise(truth, origin) + np.random.default_rng(0).normal(size=len(ends))
    level = spikes.choose_alarm_level(truth, origin, ends, score, rule(lead=3), candidates=30)

    def f1(at):
        return spikes.event_scores(truth, origin, ends, score > at, rule(lead=3))["event_f1"]

    tried = np.quantile(score, 1 - np.geomspace(1, 1 / len(score), 30))
    assert f1(level) == max(f1(at) for at in tried)
    assert f1(level) > f1(np.median(score))
    assert spikes.choose_alarm_level(truth, origin, ends, np.full(len(ends), NAN), rule()) == math.inf


def test_exceedance_probability_by_hand():
    quantiles = np.array([0.0, 1.0, 3.0]).reshape(1, 1, 3)
    levels = [0.1, 0.5, 0.9]

    def at(bar):
        return spikes.exceedance_probability(quantiles, levels, np.zeros(1), bar).item()

    assert at(0.0) == pytest.approx(0.9)
    assert at(0.5) == pytest.approx(0.7)
    assert at(1.0) == pytest.approx(0.5)
    assert at(2.0) == pytest.approx(0.3)
    assert at(3.0) == pytest.approx(0.1)
    assert at(6.0) == pytest.approx(0.1 * math.exp(-1))  # the tail's scale is 3 - 0
    assert at(-3.0) == pytest.approx(1 - 0.1 * math.exp(-1))


@given(
    values=st.lists(st.floats(-5, 5), min_size=3, max_size=3),
    bars=st.lists(st.floats(-20, 20), min_size=2, max_size=2),
)
@settings(max_examples=80, deadline=None)
def test_exceedance_probability_falls_as_the_threshold_rises(values, bars):
    quantiles = np.sort(values).reshape(1, 1, 3)
    low, high = (
        spikes.exceedance_probability(quantiles, [0.1, 0.5, 0.9], np.zeros(1), bar).item()
        for bar in sorted(bars)
    )
    assert 0 <= high <= low + 1e-9 <= 1 + 1e-9


def test_of_several_steps_the_likeliest_counts():
    quantiles = np.array([[[0.0, 1.0], [2.0, 3.0]]])
    one = spikes.exceedance_probability(quantiles[:, 1:], [0.1, 0.9], np.zeros(1), 2.5)
    assert spikes.exceedance_probability(quantiles, [0.1, 0.9], np.zeros(1), 2.5) == one


@pytest.mark.parametrize(
    "change",
    [{"lead": 0}, {"min_gap": 0}, {"tolerance": -1}, {"stride": 0}, {"rows_per_day": 0}, {"threshold": NAN}],
)
def test_a_rule_out_of_range_is_refused(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} is"):
        rule(**change)


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"quantile is 1\.5"):
        spikes.threshold_from_quantile(np.zeros(9), 1, 1, 1.5)
    with pytest.raises(ValueError, match="1 levels for 1 quantiles"):
        spikes.exceedance_probability(np.zeros((1, 1, 1)), [0.5], np.zeros(1), 1.0)
    with pytest.raises(ValueError, match="ends must rise"):
        spikes.scorecard(
            *[np.zeros((2, 1))] * 2, np.zeros(2), np.array([1, 1]), np.zeros(2), alarm_level=0, rule=rule()
        )
