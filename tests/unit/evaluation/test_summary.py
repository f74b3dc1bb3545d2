"""The printed lines: units, skills that are not defined, and several targets."""

import dataclasses

from tsforecast.evaluation.result import RunResult
from tsforecast.evaluation.summary import result_lines

METRICS = {"test/rmse": 95.9097, "test/mae": 40.0, "test/rmse_scaled": 0.1234}
RESULT = RunResult(
    status="done",
    seconds=3.4,
    metrics=METRICS,
    baselines={"persistence": {"test/rmse": 100.0, "test/mae": 50.0}},
    skill={"persistence": 0.0409},
    unit="kW",
)


def test_figures_have_their_unit():
    assert result_lines(RESULT) == [
        "test RMSE 95.9097 kW, MAE 40.0000 kW, in 3 s",
        "  persistence: RMSE 100.0000, MAE 50.0000; skill +4.1 %",
    ]


def test_figures_without_a_unit_have_no_stray_space():
    first, *_ = result_lines(dataclasses.replace(RESULT, unit=""))
    assert first == "test RMSE 95.9097, MAE 40.0000, in 3 s"


def test_a_baseline_without_error_gives_no_skill():
    for value in (None, float("nan")):
        _, line = result_lines(dataclasses.replace(RESULT, skill={"persistence": value}))
        assert line.endswith("no skill, as the baseline's error is 0")


def test_each_target_has_its_line_and_mixed_units_a_caution():
    targets = {name: {"metrics": {"test/rmse": 1.0, "test/mae": 0.5}} for name in ("load", "price")}
    lines = result_lines(dataclasses.replace(RESULT, targets=targets))
    assert lines[-1] == "  price: RMSE 1.0000 kW, MAE 0.5000 kW"
    mixed = result_lines(dataclasses.replace(RESULT, targets=targets, unit=""))
    assert mixed[2] == "  load: RMSE 1.0000, MAE 0.5000"
    assert "mix the units of the targets" in mixed[-1]
    assert "0.1234" in mixed[-1]


def test_figures_of_series_that_are_not_defined_are_named():
    figures = {
        "test/mase": None,
        "test/smape": 39.024,
        "test/wape": 14.9,
        "test/rmsse": None,
        "test/owa": None,
    }
    result = dataclasses.replace(RESULT, metrics=METRICS | figures, series={"a": {}, "b": {}})
    assert result_lines(result)[-1] == (
        "  2 series: sMAPE 39.02, WAPE 14.9;"
        " MASE, RMSSE, OWA not defined, which need more than a season of training rows"
    )


def test_spikes_are_summed_up_in_one_line():
    model = {"average_precision": 0.5, "event_f1": 0.25, "false_alarms_per_day": 2.0}
    card = {"threshold": 1.5, "model": model, "random": {"average_precision": 0.1, "event_f1": 0.2}}
    line = result_lines(dataclasses.replace(RESULT, spikes={"load": card}, unit=""))[-1]
    assert line == (
        "  spikes of load (rise over 1.5): average precision 0.500 (random 0.100), event F1 0.250 (0.200),"
        " 2.0 false alarms per day"
    )
