"""Anomaly scores on planted anomalies: conformal p-value, isolation forest, residual z-score and chance."""

import numpy as np

from benchmarks.faults import plant_anomalies
from tsforecast.metrics.anomaly import event_f1, vus_pr
from tsforecast.monitoring.anomaly import AnomalyScorer

DAY = 1440
DAYS = 60  # from the middle of the rows to replay
PER_DAY = 2.0
WARM_UP = 14 * DAY  # rows from which the scores learn what is usual
BUFFER = 60  # rows, the longest buffer of VUS-PR
RATES = (0.001, 0.01)  # of flagged readings; the first is `serve.alarms.anomaly_rate`
TOLERANCE = 10  # rows by which an alarm may be late, and that join alarms
EMBEDDING = 10  # rows that the isolation forest sees


def score_anomalies(household):
    middle = (household.first + household.last) // 2
    rows = slice(middle, middle + DAYS * DAY)
    before = slice(rows.start - WARM_UP, rows.start)
    original, usual = household.values[rows, 0].copy(), household.residuals(before)
    planted, labels = plant_anomalies(original, PER_DAY, np.random.default_rng(1))
    household.values[rows, 0] = planted
    residuals = household.residuals(rows)
    scores = {
        "conformal p-value": conformal(household, before, usual, planted, residuals),
        "isolation forest": isolation_forest(household, before, rows),
        "residual z-score": z_score(usual, residuals),
        "random": random_score(len(usual), len(residuals)),
    }
    household.values[rows, 0] = original
    print_scores(scores, labels)


def print_scores(scores, labels):
    print(f"\n## Anomaly scores, {count_events(labels)} anomalies in {DAYS} days of the active power\n")
    heads = [
        f"{name} at {100 * rate:g} %"
        for rate in RATES
        for name in ("precision", "recall", "event F1", "flagged")
    ]
    print(f"| score | VUS-PR | {' | '.join(heads)} |\n|---|---:|{'---:|' * len(heads)}")
    for name, result in scores.items():
        if result is None:
            print(f"| {name} | needs scikit-learn |{' |' * len(heads)}")
            continue
        score, flags_by_rate = result
        cells = [f"{vus_pr(labels, score, BUFFER):.3f}"]
        for flags in flags_by_rate:
            cells += [f"{figure:.2f}" for figure in event_f1(labels, flags, TOLERANCE).values()]
            cells.append(f"{100 * flags[~labels].mean():.2f} %")
        print(f"| {name} | {' | '.join(cells)} |")


def conformal(household, before, usual, planted, residuals):
    """The scorer of the service, once per stated rate; it learned from the rows before."""
    runs = []
    for rate in RATES:
        scorer = AnomalyScorer(rate)
        scorer.update(usual, household.values[before, 0] - usual)
        runs.append(scorer.update(residuals, planted - residuals))
    return np.nan_to_num(runs[0].surprise), [run.flags for run in runs]


def above(score, learned):
    """Flags at the quantiles of the rows before that the stated rates name."""
    return score, [score > np.quantile(learned, 1 - rate) for rate in RATES]


def z_score(usual, residuals):
    center, spread = np.nanmean(usual), np.nanstd(usual)
    score, learned = (np.nan_to_num(np.abs(part - center) / spread) for part in (residuals, usual))
    return above(score, learned)


def random_score(before, count):
    rng = np.random.default_rng(2)
    return above(rng.uniform(size=count), rng.uniform(size=before))


def isolation_forest(household, before, rows):
    """Score of the newest ``EMBEDDING`` values; the alarm level is a quantile over the rows before."""
    try:
        from sklearn.ensemble import IsolationForest
    except ImportError:
        return None
    training = slice(household.fitted - 90 * DAY, household.fitted)
    windows = embed(household.values[:, 0], training)
    forest = IsolationForest(n_estimators=100, random_state=0).fit(
        windows[np.isfinite(windows).all(axis=1)][::3]
    )
    learned, score = (score_windows(forest, embed(household.values[:, 0], part)) for part in (before, rows))
    return above(score, learned)


def embed(values, rows):
    return np.lib.stride_tricks.sliding_window_view(values[rows.start - EMBEDDING + 1 : rows.stop], EMBEDDING)


def score_windows(forest, windows):
    known = np.isfinite(windows).all(axis=1)
    score = np.zeros(len(windows))
    lowest = -forest.score_samples(windows[known])
    score[known] = lowest
    score[~known] = lowest.min()
    return score


def count_events(labels):
    return int((np.diff(labels.astype(int), prepend=0) == 1).sum())
