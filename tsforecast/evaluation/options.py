"""Options of the evaluation: spikes, the report, and backtests."""

from dataclasses import dataclass
from typing import Annotated, Literal

from tsforecast.options import Choices, Range


@dataclass(frozen=True, kw_only=True)
class SpikeOptions:
    """What counts as a spike, as an event and as a hit, see ``tsforecast.metrics.spikes.SpikeRule``.

    Args:
        threshold: Rise above the window's last value, in the target's unit; None: from ``quantile``.
        quantile: Quantile of the largest rise within a training window's horizon.
        min_gap: Steps between the onsets of two events.
        tolerance: Steps by which an alarm may be early or late.
        max_false_alarms_per_day: Most false alarms per day on validation that the alarm level may give; None: the level
            with the best event F1.
    """

    threshold: Annotated[float | None, Range(1e-12)]
    quantile: Annotated[float, Range(0.0001, 0.9999)]
    min_gap: Annotated[int, Range(1, 1_000_000)]
    tolerance: Annotated[int, Range(0, 1_000_000)]
    max_false_alarms_per_day: Annotated[float | None, Range(0)] = None


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What the report contains in addition to the metrics.

    Args:
        explain: Measure the permutation importance of each feature and of each stretch of the past.
        explain_windows: Test windows to measure it on, evenly spaced.
        explain_repeats: Number of permutations.
        spikes: Score sudden rises.
        latency: Time warm forecasts of a single window.
        format: ``html`` for the page, which is always written; ``png`` and ``svg`` for its charts as pictures.
    """

    explain: bool
    explain_windows: Annotated[int, Range(2, 1_000_000)]
    explain_repeats: Annotated[int, Range(1, 1000)]
    spikes: bool
    latency: bool
    format: Annotated[list[str], Choices(("html", "png", "svg"))]


@dataclass(frozen=True, kw_only=True)
class BacktestOptions:
    """Rolling origins of ``job=backtest``.

    Args:
        origins: Number of consecutive blocks that the test split is cut into.
        refit: ``none`` trains once before the first block, ``warm`` continues at each, ``full`` starts again at each.
        warm_steps: Updates at each origin after the first, for ``refit=warm``.
    """

    origins: Annotated[int, Range(1, 10_000)]
    refit: Literal["none", "warm", "full"]
    warm_steps: Annotated[int, Range(1)]
