"""Single series of a panel: examples of their forecasts, one to pick, and their errors by length and level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsforecast.reporting.charts import line, line_chart
from tsforecast.reporting.elements import Chart, Section

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.evaluation.evaluate import Evaluation
    from tsforecast.evaluation.scores import TestScores

NEWEST = 300  # windows of a forecast of one step
PICKS, ENDS = 60, 10  # series to pick from, and those of them at either end
MAX_DOTS = 2_000
# Ranks of the series by MASE, as shares of their number; the first label of a series counts.
SHARES = {"Best": 0.0, "Worst": 1.0, "Middle": 0.5, "Lower quarter": 0.25, "Upper quarter": 0.75}


def example_sections(dataset: ForecastDataset, scores: TestScores) -> list[Section]:
    """Return the newest forecasts of a few series of a panel; none for one series.

    Args:
        dataset: Data of the run.
        scores: Forecasts of the test split.
    """
    panel, series = dataset.series.panel, scores.test.series
    if panel is None or series is None:
        return []
    mase = series.figures["mase"]
    order = np.argsort(mase)[: int(np.isfinite(mase).sum())]
    if not len(order):
        return []
    numbers = {name: number for number, name in enumerate(panel.ids)}

    def draw(prefix: str, rank: int, label: str) -> Chart | None:
        index = int(order[rank])
        name = series.ids[index]
        return _draw(dataset, scores, (prefix, numbers[name]), f"{label}{name}, MASE {mase[index]:.3g}")

    charts: dict[int, Chart] = {}
    for label, share in SHARES.items():
        rank = round(share * (len(order) - 1))
        chart = draw("example", rank, f"{label}: ")
        if chart is not None:
            charts.setdefault(rank, chart)
    note = "The newest test forecast of the first target; of one step, the newest windows."
    sections = [
        Section("Forecasts of single series", [charts[rank] for rank in sorted(charts)], note, "grid")
    ]
    if len(order) > len(SHARES):
        picks = {rank: draw("pick", rank, "") for rank in _pickable(len(order))}
        shown = [chart for chart in picks.values() if chart is not None]
        sections.append(Section("Any series", shown, _pick_note(len(order), len(picks)), "picker"))
    of_series = np.array([numbers[series.ids[int(index)]] for index in order])
    return [*sections, *_by_size(dataset, of_series, mase[order])]


def _pickable(count: int) -> list[int]:
    """Return the ranks of the series to pick from: the ends, and some between them."""
    if count <= PICKS:
        return list(range(count))
    ends = {*range(ENDS), *range(count - ENDS, count)}
    between = np.linspace(ENDS, count - 1 - ENDS, PICKS - 2 * ENDS).round().astype(int)
    return sorted(ends | set(between.tolist()))


def _pick_note(count: int, picks: int) -> str:
    if picks == count:
        return f"All {count:,} series, from the lowest MASE to the highest."
    between = f"the first and last {ENDS}, and some between"
    return f"{picks} of {count:,} series, from the lowest MASE to the highest: {between}."


def _by_size(dataset: ForecastDataset, numbers: np.ndarray, mase: np.ndarray) -> list[Section]:
    """Return MASE against the length of a series and against its level.

    Args:
        dataset: Data of the run.
        numbers: Index ``[n]`` of each series in the panel.
        mase: ``[n]`` MASE of each.
    """
    series, train = dataset.series, dataset.split_ranges("train")
    lengths = (train[:, 1] - train[:, 0])[numbers]
    column = np.abs(series.column(series.targets[0]))
    sizes = [np.nanmean(column[start:stop]) for start, stop in train[numbers].tolist()]
    with np.errstate(divide="ignore"):
        levels = np.log10(np.array(sizes))
    charts = [
        _scatter("length", "MASE by training rows", "training rows", lengths, mase),
        _scatter("level", "MASE by level", "log10 of the mean absolute value", np.round(levels, 3), mase),
    ]
    drawn = [chart for chart in charts if chart is not None]
    return [Section("Error by length and level", drawn, "A dot for each series.", "pair")] if drawn else []


def _scatter(name: str, heading: str, axis: str, x: np.ndarray, mase: np.ndarray) -> Chart | None:
    """Return a chart of a dot per series, of evenly spaced ones if there are many; None if all are at one place."""
    usable = np.flatnonzero(np.isfinite(x))
    order = usable[np.argsort(x[usable], kind="stable")]
    order = order[:: -(-len(order) // MAX_DOTS) or 1]
    if not len(order) or x[order[0]] == x[order[-1]]:
        return None
    dots = line("MASE", mase[order], "forecast", "dot")
    return line_chart(f"series-{name}", heading, axis, x[order].tolist(), [dots])


def _draw(dataset: ForecastDataset, scores: TestScores, key: tuple[str, int], heading: str) -> Chart | None:
    prefix, number = key
    test, naive = scores.test, scores.baselines["seasonal_naive"]
    windows = np.flatnonzero(dataset.series.series_of(test.ends) == number)
    several = test.truth.shape[1] > 1

    def values(evaluation: Evaluation, array: str) -> list[float]:
        column = getattr(evaluation, array)[..., 0]
        chosen = column[windows[-1]] if several else column[windows[-NEWEST:], 0]
        return [float(value) for value in chosen]

    lines = [
        line("measured", values(test, "truth"), "truth"),
        line("forecast", values(test, "forecast"), "forecast"),
        line("seasonal naive", values(naive, "forecast"), "baseline", "dash"),
    ]
    count, first = len(values(test, "truth")), dataset.window["lead"] if several else 1
    name = "step" if several else "window"
    return line_chart(f"{prefix}-{number}", heading, name, list(range(first, first + count)), lines)
