"""Spike scorecard: is a sudden rise foreseen, how early, and at the price of how many false alarms?

A window has a spike when the target rises above a threshold over the value at the window's last input row at any
step of its horizon. Rankings are scored by average precision, which needs no alarm level; alarms are scored as events,
matched one to one by their onsets. Point-adjusted scores are avoided: a random score reaches the top of them
(Kim et al. 2022, "Towards a rigorous evaluation of time-series anomaly detection").

Axes: n windows in rising order of their last input row, H horizon, Q quantiles, for one target at a time. NaN in a
truth or an origin means "not observed".
"""

from tsforecast.metrics.spikes.calibration import (
    brier_score,
    expected_calibration_error,
    reliability_curve,
)
from tsforecast.metrics.spikes.events import (
    choose_alarm_level,
    event_onsets,
    event_scores,
    match_events,
)
from tsforecast.metrics.spikes.labels import SpikeRule, label_spikes, threshold_from_quantile
from tsforecast.metrics.spikes.ranking import average_precision, exceedance_probability, forecast_rise
from tsforecast.metrics.spikes.scorecard import scorecard, spike_step_errors

__all__ = [
    "SpikeRule",
    "average_precision",
    "brier_score",
    "choose_alarm_level",
    "event_onsets",
    "event_scores",
    "exceedance_probability",
    "expected_calibration_error",
    "forecast_rise",
    "label_spikes",
    "match_events",
    "reliability_curve",
    "scorecard",
    "spike_step_errors",
    "threshold_from_quantile",
]
