"""The table of all models with one budget, as a page of the docs."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from tsforecast.comparison.confidence_set import LEVEL, has_arch, model_confidence_set
from tsforecast.comparison.names import target_name
from tsforecast.comparison.runs import Run, collect_runs
from tsforecast.errors import UserError
from tsforecast.metrics import metric_label
from tsforecast.metrics.bootstrap import Interval, rmse_difference
from tsforecast.tracking.run_folder import RunFolder

UNSURE = "No significant difference"
TO_BEAT = ("lightgbm", "persistence")
NOTE = (
    "Skill is the share of persistence's RMSE that a model saves; AP is the average precision and F1 the event F1 of"
    " the spike scorecard. Where there are several seeds, figures are means, with the standard deviation after the"
    " RMSE. Training seconds include validation; one window is the median of repeated warm forecasts. Both are from the"
    " fastest seed, because other work on the machine can only add to them, and from this machine: compare them with"
    " each other."
)


def write_model_table(over: str | Sequence[str], page: str | Path, command: str) -> str:
    """Write the page and return its text.

    Args:
        over: Folders of runs or sweeps, see `runs.collect_runs`.
        page: Markdown file to write.
        command: Command that made the runs, to be named on the page.

    Raises:
        UserError: The runs differ in data, lead, horizon or unit.
    """
    runs = collect_runs(over)[0]
    if len({run.task for run in runs}) > 1:
        raise UserError(
            "A table of models needs runs on the same data, lead and horizon: narrow over=, or leave model_table out."
        )
    text = format_markdown(runs, command)
    RunFolder.create(Path(page).parent).write_text_atomic(Path(page).name, text)
    return text


def format_markdown(runs: Sequence[Run], command: str) -> str:
    """Return the page: how the figures were made, the table, and which models beat LightGBM and persistence."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(target_name(run.config["model"]["_target_"]), []).append(run)
    order = sorted(groups, key=lambda name: _mean(groups[name], "test/rmse"))
    head = _head(runs[0].result.get("unit") or "")
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    lines += [f"| {' | '.join(_cells(name, groups[name]))} |" for name in order]
    verdicts = [_verdict(groups, order, reference) for reference in TO_BEAT if reference in groups]
    verdicts += _confidence_set(groups)
    return "\n".join(["# Results", "", *_origin(runs, command), "", *lines, "", NOTE, "", *verdicts]) + "\n"


def _head(unit: str) -> list[str]:
    errors = [f"test {metric_label('rmse', unit)}", metric_label("mae", unit)]
    costs = ["training s", "one window ms"]
    return ["model", "parameters", "estimate", "seeds", *errors, "skill", "spike AP", "spike F1", *costs]


def _cells(name: str, runs: Sequence[Run]) -> list[str]:
    result = runs[0].result
    nominal, skill = result.get("users_estimate"), [run.result["skill"]["persistence"] for run in runs]
    return [
        name,
        f"{result['params']:,}",
        f"{nominal:,}" if nominal else "",
        str(len(runs)),
        _figure(runs, "test/rmse", spread=True),
        _figure(runs, "test/mae"),
        f"{100 * statistics.mean(skill):+.1f} %",
        _figure(runs, "test/spike_average_precision", digits=3),
        _figure(runs, "test/spike_f1", digits=3),
        f"{min(run.result['training']['training_seconds'] for run in runs):.0f}",
        _latency(runs),
    ]


def _figure(runs: Sequence[Run], key: str, digits: int = 4, spread: bool = False) -> str:
    values = [run.figures[key] for run in runs if key in run.figures]
    if not values:
        return "–"
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if spread and len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{deviation}"


def _latency(runs: Sequence[Run]) -> str:
    values = [run.result["latency_ms"]["median"] for run in runs if run.result.get("latency_ms")]
    return f"{min(values):.2f}" if values else "–"


def _mean(runs: Sequence[Run], key: str) -> float:
    return statistics.mean(run.figures[key] for run in runs)


def _verdict(groups: Mapping[str, list[Run]], order: Sequence[str], reference: str) -> str:
    """Return which models are better than the reference on the same windows, which are worse, and which are neither."""
    by_outcome: dict[str, list[str]] = {
        f"Better than {reference}": [],
        f"Worse than {reference}": [],
        UNSURE: [],
    }
    better, worse, unsure = by_outcome
    for name in (name for name in order if name != reference):
        differences = [_difference(run, groups[reference][0]) for run in groups[name]]
        known = [difference for difference in differences if difference is not None]
        if len(known) < len(differences):
            outcome = unsure
        elif all(difference.high < 0 for difference in known):
            outcome = better
        else:
            outcome = worse if all(difference.low > 0 for difference in known) else unsure
        by_outcome[outcome].append(name)
    parts = [f"{outcome}: {', '.join(names)}." for outcome, names in by_outcome.items() if names]
    return (
        f"- {' '.join(parts)} (Every seed's 95 % interval of the paired difference in RMSE lies on one side.)"
    )


def _confidence_set(groups: Mapping[str, list[Run]]) -> list[str]:
    """Return a line with the models that do not differ significantly from the best, if ``arch`` is installed."""
    errors = {name: [run.errors for run in runs if run.errors is not None] for name, runs in groups.items()}
    if len(groups) < 2 or not all(errors.values()) or not has_arch():
        return []
    window = next(iter(groups.values()))[0].result["window"]
    values = model_confidence_set(errors, window["lead"] + window["horizon"] - 1)
    if values is None:
        return []
    order = sorted(values, key=lambda name: -values[name])
    members = [f"{name} (p = {values[name]:.2f})" for name in order if values[name] > 1 - LEVEL]
    return [
        f"- Model confidence set at {100 * LEVEL:.0f} %: {', '.join(members)}. The others are significantly worse than"
        " the best. (Hansen, Lunde & Nason 2011, on the squared errors of blocks of test windows, mean of the seeds.)"
    ]


def _difference(run: Run, reference: Run) -> Interval | None:
    if run.errors is None or reference.errors is None:
        return None
    window = run.result["window"]
    return rmse_difference(run.errors, reference.errors, window["lead"] + window["horizon"] - 1)


def _origin(runs: Sequence[Run], command: str) -> list[str]:
    first = runs[0].result
    training, data, window = runs[0].config["training"], first["data"], first["window"]
    limits = [key for key in ("max_minutes", "max_steps", "max_epochs") if training.get(key)]
    budget = [f"{training[key]} {key.removeprefix('max_')}" for key in limits]
    versions = ", ".join(f"{name} {version}" for name, version in (first.get("versions") or {}).items())
    commits = sorted({str(run.result.get("commit"))[:12] for run in runs})
    return [
        f"Made by `{command}`: every model on the first {data['rows']:,} rows of {data['name']}, with"
        f" {window['lookback']} steps in, {window['lead']} steps ahead, scored on the test split. The budget of each is"
        f" {' or '.join(budget)} (LightGBM stops by itself).",
        "",
        f"{first['device']}; {versions}; commit {', '.join(commits)}.",
    ]
