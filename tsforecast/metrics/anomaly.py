"""Scores of anomaly detection: the volume under the range-based precision-recall surface, and F1 of events."""

import numpy as np

THRESHOLDS = 250  # of the authors' implementation: that many ranks, evenly spaced


def vus_pr(labels: np.ndarray, scores: np.ndarray, max_buffer: int) -> float:
    """Return the volume under the surface of precision and recall over thresholds and buffer lengths (VUS-PR).

    Each anomaly is extended on both sides by half a buffer, in which labels fall from 1 by a square root, so that a
    score that rises a little early or late counts; the area under the range-based precision-recall curve is averaged
    over all buffers from 0 to ``max_buffer``.

    Args:
        labels: 1 in anomalies, 0 elsewhere ``[n]``.
        scores: The higher, the more anomalous ``[n]``.
        max_buffer: Longest buffer in rows, at least 0; the paper takes the length of a typical period or anomaly.

    Returns:
        In [0, 1]; NaN if there is no anomaly.

    Source: Paparrizos, Boniol, Palpanas, Tsay, Elmore & Franklin (2022), Volume Under the Surface, PVLDB 15(11), with
    the 250 thresholds of the authors' ``RangeAUC_volume``.

    Example:
        >>> labels = np.array([0, 0, 0, 1, 1, 0, 0, 0])
        >>> round(vus_pr(labels, labels.astype(float), max_buffer=0), 3)
        1.0
    """
    labels, scores = np.asarray(labels, np.float64), np.asarray(scores, np.float64)
    if not labels.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ranks = np.linspace(0, len(scores) - 1, THRESHOLDS).astype(np.int64)
    levels = scores[order][ranks]
    predicted = np.searchsorted(-scores[order], -levels, side="right")  # ties are all predicted
    areas = [
        _range_area(extend_labels(labels, buffer), labels.sum(), scores, order, levels, predicted)
        for buffer in range(max_buffer + 1)
    ]
    return float(np.mean(areas))


def extend_labels(labels: np.ndarray, buffer: int) -> np.ndarray:
    """Return labels ``[n]`` with anomalies extended by half a buffer on both sides.

    Example:
        >>> extend_labels(np.array([0.0, 0.0, 1.0, 0.0, 0.0]), buffer=4).round(2).tolist()
        [0.71, 0.87, 1.0, 0.87, 0.0]
    """
    extended, rows = labels.astype(np.float64), np.arange(len(labels))
    for start, end in label_segments(labels > 0):
        after = rows[end : min(end + buffer // 2, len(labels))]
        extended[after] += np.sqrt(1 - (after - end) / max(buffer, 1))
        before = rows[max(start - buffer // 2, 0) : start]
        extended[before] += np.sqrt(1 - (start - before) / max(buffer, 1))
    return np.minimum(extended, 1.0)


def label_segments(flags: np.ndarray) -> list[tuple[int, int]]:
    """Return first and last row of each run of flags.

    Example:
        >>> label_segments(np.array([True, True, False, True]))
        [(0, 1), (3, 3)]
    """
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return list(
        zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) - 1).tolist(), strict=True)
    )


def event_f1(labels: np.ndarray, flags: np.ndarray, tolerance: int = 0) -> dict[str, float]:
    """Score flags as events: runs of labels that a flag hits, and runs of flags that hit a label.

    Args:
        labels: Whether each row is anomalous ``[n]``.
        flags: Whether an alarm is given ``[n]``.
        tolerance: Rows by which an alarm may be late; runs of flags that are closer together count as one.

    Returns:
        ``event_precision``, ``event_recall`` (both NaN without an event of that kind), ``event_f1``.

    Example:
        >>> labels = np.array([0, 1, 1, 0, 0, 1, 0, 0], bool)
        >>> event_f1(labels, np.array([0, 0, 1, 0, 0, 0, 0, 1], bool))
        {'event_precision': 0.5, 'event_recall': 0.5, 'event_f1': 0.5}
    """
    labels, flags = np.asarray(labels, bool), np.asarray(flags, bool)
    events = [(start, end + tolerance) for start, end in label_segments(labels)]
    alarms = _join_segments(label_segments(flags), tolerance)
    allowed = np.zeros(len(labels) + 1, np.int64)
    for start, end in events:
        allowed[start : end + 1] = 1
    hits = np.concatenate([[0], np.cumsum(flags)])
    near = np.concatenate([[0], np.cumsum(allowed[: len(labels)])])
    found_events = sum(hits[min(end + 1, len(labels))] > hits[start] for start, end in events)
    true_alarms = sum(near[end + 1] > near[start] for start, end in alarms)
    precision = true_alarms / len(alarms) if alarms else float("nan")
    recall = found_events / len(events) if events else float("nan")
    total = precision + recall
    f1 = 2 * precision * recall / total if total > 0 else 0.0
    return {"event_precision": float(precision), "event_recall": float(recall), "event_f1": float(f1)}


def _join_segments(segments: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in segments:
        if joined and start - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _range_area(
    labels: np.ndarray,
    original: float,
    scores: np.ndarray,
    order: np.ndarray,
    levels: np.ndarray,
    predicted: np.ndarray,
) -> float:
    """Return the area under the range-based precision-recall curve of one buffer."""
    hits = np.concatenate([[0.0], np.cumsum(labels[order])])[predicted]
    positives = (original + labels.sum()) / 2
    starts = np.array([start for start, _ in label_segments(labels > 0)])
    highest = np.maximum.reduceat(np.where(labels > 0, scores, -np.inf), starts)
    existence = (highest[None] >= levels[:, None]).mean(axis=1)
    recall = np.concatenate([[0.0], np.minimum(hits / positives, 1.0) * existence])
    precision = np.concatenate([[1.0], hits / predicted])
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2))
