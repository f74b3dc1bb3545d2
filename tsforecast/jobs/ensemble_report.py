"""What the report of an ensemble adds to that of any run: the table of all forecasters, weights, where it wins."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsforecast import metrics
from tsforecast.config import Config
from tsforecast.data.dataset import ForecastDataset
from tsforecast.ensemble.convex import fit_convex_weights
from tsforecast.evaluation.result import RunResult
from tsforecast.jobs import results
from tsforecast.jobs.ensemble_members import Member
from tsforecast.jobs.ensemble_scores import Line, Scored
from tsforecast.metrics.bootstrap import Interval, rmse_difference, rmse_interval
from tsforecast.reporting.charts import lines_chart
from tsforecast.reporting.elements import Chart, Section, Table

LEVELS = ("low", "middle", "high")  # thirds of the target's last known value


def findings(
    config: Config, dataset: ForecastDataset, scored: Scored, more: dict[str, Any]
) -> results.Findings:
    """What ``result.json`` and the report hold beside what they hold of any run.

    Args:
        config: of the ensemble.
        dataset: the data.
        scored: all that was scored.
        more: for ``result.json``.
    """
    unit, reach = dataset.series.unit, config.window.lead + config.window.horizon - 1
    rows = board(scored.lines, reach)
    hindsight = _hindsight(dataset, scored)
    result = {
        "weighting": config.ensemble.weighting,
        "board": rows,
        "mean_weights": dict(zip(scored.model.names, scored.weights.mean(axis=0).tolist(), strict=True)),
        "hindsight": hindsight,
        **more,
    }
    beside = f" ({unit})" if unit else ""
    tables = [
        ("All forecasters on the same test windows", _board_note(rows, beside, hindsight), _shown(rows)),
        ("Where the ensemble wins", f"RMSE{beside} on parts of the test windows.", _parts(dataset, scored)),
        (
            "Time",
            "Seconds of each stage; the members' are those of their own training.",
            _times(more["seconds"]),
        ),
    ]
    chart = _weights_chart(dataset, scored)
    sections = [Section(chart.heading, [chart])] if chart is not None else []
    sections += [Section(heading, [Table.from_records(records)], note) for heading, note, records in tables]
    return results.Findings({"ensemble": result}, sections)


def board(lines: Sequence[Line], reach: int) -> list[dict[str, Any]]:
    """A row a forecaster, with its RMSE and its difference to the best member, each with its interval.

    Args:
        lines: of ``ensemble_scores.scored``.
        reach: rows from a window's end to its last target.
    """
    best = min((line for line in lines if line.kind == "member"), key=lambda line: line.test.figures["rmse"])
    rows = []
    for line in lines:
        row: dict[str, Any] = {"name": line.name, "kind": line.kind, "params": line.params}
        row |= {key: line.test.figures[key] for key in ("rmse", "mae")}
        row["rmse_interval"] = _ends(rmse_interval(line.errors, reach))
        other = None if line is best else rmse_difference(line.errors, best.errors, reach)
        row["over_best_member"] = None if other is None else other.value
        row["over_best_member_interval"] = _ends(other)
        cards = list((line.spikes or {}).values())
        for key, name in (("average_precision", "spike_average_precision"), ("event_f1", "spike_f1")):
            row[name] = float(np.mean([card["model"][key] for card in cards])) if cards else None
        rows.append(row)
    return rows


def keep_members(members: Sequence[Member], scored: Scored) -> None:
    """Adds the test figures to the members' own results, so that they compare like other runs."""
    from tsforecast.evaluation.scores import TestScores

    baselines = {line.name: line.test for line in scored.lines if line.kind == "baseline"}
    by_name = {line.name: line for line in scored.lines if line.kind == "member"}
    for member in members:
        result, line = RunResult.read(member.folder.result), by_name[member.name]
        validation = result.metrics or {}
        if "test/rmse" in validation:
            continue  # a finished run of its own
        figures = TestScores(line.test, baselines, line.spikes or {}).to_fields()
        figures["metrics"] = validation | figures["metrics"]
        line.errors.save(member.folder.path / "errors.npz")
        dataclasses.replace(result, **figures).write(member.folder.path)


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


def _hindsight(dataset: ForecastDataset, scored: Scored) -> dict[str, Any]:
    """What weights could have reached that had known the test truths: fixed ones, and the best member each time."""
    scaler = dataset.scaler
    truth = scored.test.truth
    members = np.stack(
        [scaler.inverse_targets(scored.members[:, place]) for place in range(scored.members.shape[1])], axis=1
    )
    errors = (members - truth[:, None]).transpose(0, 2, 3, 1).reshape(-1, members.shape[1])
    errors = errors[np.isfinite(errors).all(axis=1)].astype(np.float64)
    weights = fit_convex_weights(errors)
    # Between members above and below the truth some mixture hits it; else the nearest member is the best mixture.
    inside = (errors.min(axis=1) < 0) & (errors.max(axis=1) > 0)
    nearest = np.abs(errors).min(axis=1)
    return {
        "fixed_weights": dict(zip(scored.model.names, weights.tolist(), strict=True)),
        "fixed_rmse": _rms(errors @ weights),
        "best_member_each_time_rmse": _rms(nearest),
        "best_mixture_each_time_rmse": _rms(np.where(inside, 0.0, nearest)),
    }


def _rms(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


def _board_note(rows: list[dict[str, Any]], beside: str, hindsight: dict[str, Any]) -> str:
    best = min((row for row in rows if row["kind"] == "member"), key=lambda row: row["rmse"])
    return (
        f"RMSE and MAE{beside} with 95 % intervals from a block bootstrap; the difference is to {best['name']}, the"
        " best member in hindsight, on the same windows. In hindsight the best fixed weights would have reached"
        f" {hindsight['fixed_rmse']:.4f}, and choosing the best member anew for each window"
        f" {hindsight['best_member_each_time_rmse']:.4f}, which no weighting can know."
    )


def _shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "forecaster": row["name"].replace("_", " "),
            "kind": row["kind"],
            "RMSE (95 %)": _with_interval(row["rmse"], row["rmse_interval"]),
            "to best member (95 %)": _with_interval(
                row["over_best_member"], row["over_best_member_interval"], "+"
            ),
            "MAE": row["mae"],
            "spike average precision": row["spike_average_precision"],
            "spike F1": row["spike_f1"],
            "params": row["params"],
        }
        for row in rows
    ]


def _with_interval(value: float | None, ends: list[float] | None, sign: str = "") -> str | None:
    if value is None:
        return None
    shown = f"{value:{sign}.4f}"
    return shown if ends is None else f"{shown} ({ends[0]:{sign}.4f} to {ends[1]:{sign}.4f})"


def _parts(dataset: ForecastDataset, scored: Scored) -> list[dict[str, Any]]:
    """RMSE by hours of the day, by level and on spikes: of the ensemble, the best member and every reference."""
    members = [line for line in scored.lines if line.kind == "member"]
    best = min(members, key=lambda line: line.test.figures["rmse"])
    shown = [scored.lines[0], best, *[line for line in scored.lines if line.kind == "reference"]]
    rows = []
    for name, where in _stretches(dataset, scored).items():
        row: dict[str, Any] = {"test windows": name, "share (%)": 100 * float(where.mean())}
        for line in shown:
            truth = np.where(where, line.test.truth, np.nan)
            row[line.name.replace("_", " ")] = metrics.point_metrics(truth, line.test.forecast)["rmse"]
        row["gain (%)"] = 100 * (1 - row[shown[0].name] / row[best.name.replace("_", " ")])
        rows.append(row)
    return rows


def _stretches(dataset: ForecastDataset, scored: Scored) -> dict[str, np.ndarray]:
    """Masks ``[n, H, T]`` of parts of the test windows."""
    from tsforecast.evaluation.evaluate import target_hours

    test = scored.test
    hours = np.broadcast_to(target_hours(dataset, test)[..., None], test.truth.shape)
    found = {f"{first} to {first + 6} h": (hours >= first) & (hours < first + 6) for first in (0, 6, 12, 18)}
    filled = dataset.inputs[test.ends][:, list(dataset.target_indices)]
    known = dataset.scaler.inverse_targets(filled)[:, None]
    edges = np.quantile(known, [0, 1 / 3, 2 / 3, 1])
    for place, name in enumerate(LEVELS):
        above = known >= edges[place] if place else np.ones_like(known, bool)
        below = known < edges[place + 1] if place < 2 else np.ones_like(known, bool)
        found[f"{name} level"] = np.broadcast_to(above & below, test.truth.shape)
    thresholds = scored.model.metadata["spike"]["threshold"]
    if all(value is not None for value in thresholds):
        on = test.truth - known > np.asarray(thresholds)
        found |= {"on spikes": on, "off spikes": ~on}
    return {name: where for name, where in found.items() if where.any()}


def _times(seconds: dict[str, float]) -> list[dict[str, Any]]:
    rows = [{"stage": name, "seconds": value} for name, value in seconds.items()]
    return [*rows, {"stage": "all", "seconds": sum(seconds.values())}]


def _weights_chart(dataset: ForecastDataset, scored: Scored) -> Chart | None:
    """The mean weight of each member on each day of the test split."""
    seconds = dataset.series.time[scored.windows.ends].astype("datetime64[s]").astype(np.int64)
    days = (seconds - seconds[0]) // 86_400
    order, counts = np.unique(days, return_counts=True)
    daily = np.stack(
        [np.bincount(days, column)[order] / counts for column in scored.weights.T.astype(np.float64)], axis=1
    )
    series = {name.replace("_", " "): daily[:, place] for place, name in enumerate(scored.model.names)}
    heading = "Weights over time (mean of each day of the test split)"
    return lines_chart("weights", heading, "Day", (order + 1).tolist(), series)
