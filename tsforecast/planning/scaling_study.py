"""How time and memory grow with the rows, and when the users' growth meets each limit."""

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsforecast.formatting import duration
from tsforecast.planning.estimates import users
from tsforecast.planning.formatting import size

SCORED_SHARE = 0.1  # of the test windows that a rehearsal forecasts
STRAIGHT = (
    0.10  # growth is called linear when no size lies further from the line, as a share of the largest value
)
FLAT = 0.10  # memory less the data is called flat when its range is no more than this share of it
FAR = 100 * 12  # months; later dates are not told
DAYS_A_MONTH = 365.25 / 12
METHOD = (
    "Method. Each size ran in a process of its own: loading and preparing all rows, then for each model train steps on "
    "batches of these rows (median, input included, after compilation and two steps to warm up) and forecasts of every "
    "tenth test window or so (multiplied to all of them). A pass is a step times the steps of one pass over the "
    "training windows. The peak is the process's largest resident size, compilation included; the data are the arrays "
    "that a run holds, counted. Lines are least squares; deviation is the largest distance of a size from its line, as "
    "a share of the largest value. A limit's rows are where the line meets it, and its date is where the users' growth "
    "does, which goes on after its last point as between its last two."
)


def findings(sizes: Sequence[dict[str, Any]], *, memory: int, today: datetime.date) -> dict[str, Any]:
    """Growth and limits.

    Args:
        sizes: two or more, as ``jobs.rehearsal.one_size`` returns them, in rising order of rows.
        memory: bytes of this machine.
        today: the date of the first row of the users' growth.
    """
    rows = [one["rows"] for one in sizes]
    passes = [sum(m["step"]["median"] * m["steps_a_pass"] for m in one["models"].values()) for one in sizes]
    scoring = [sum(m["scoring"] for m in one["models"].values()) for one in sizes]
    retraining = [
        one["loading"] + a + b for one, a, b in zip(sizes, passes, scoring, strict=True)
    ]  # of every model, one pass each
    peaks = [one["peak"] for one in sizes]
    rest = [one["peak"] - one["data"] for one in sizes]
    curves = {
        "loading, s": [one["loading"] for one in sizes],
        "a pass of every model, s": passes,
        "all test forecasts, s": scoring,
        "loading, a pass and test forecasts, s": retraining,
        "peak memory, bytes": peaks,
    }
    grown = {name: line(rows, values) | {"values": values} for name, values in curves.items()}
    theirs, kind = users(), sizes[0]["kind"]
    limits = {
        f"retraining each day within {theirs['hours_to_retrain']['gpu']} h, a pass of every model": (
            theirs["hours_to_retrain"]["gpu"] * 3600,
            "loading, a pass and test forecasts, s",
        ),
        f"training within their {theirs['hours_to_train'][kind]} h, a pass of every model": (
            theirs["hours_to_train"][kind] * 3600,
            "a pass of every model, s",
        ),
        f"memory of this machine, {size(memory)}": (memory, "peak memory, bytes"),
        "memory of a V100, 32.0 GB": (32e9, "peak memory, bytes"),
    }
    return {
        "growth": grown,
        "rest": {"values": rest, "flat": max(rest) - min(rest) <= FLAT * max(rest)},
        "limits": {name: met(grown[curve], limit, today) for name, (limit, curve) in limits.items()},
    }


def line(rows: Sequence[int], values: Sequence[float]) -> dict[str, Any]:
    """The least-squares line over rows: ``slope`` a row, ``start`` at none, ``deviation``, and whether ``linear``."""
    slope, start = np.polyfit(np.asarray(rows, float), np.asarray(values, float), 1)
    away = np.abs(slope * np.asarray(rows) + start - np.asarray(values)).max() / max(map(abs, values))
    return {
        "slope": float(slope),
        "start": float(start),
        "deviation": float(away),
        "linear": bool(away <= STRAIGHT),
    }


def met(grown: dict[str, Any], limit: float, today: datetime.date) -> dict[str, Any]:
    """The ``rows`` at which a line meets a limit, and the ``date`` of it in ISO format; None for what never comes."""
    if grown["slope"] <= 0:
        return {"rows": None, "date": None}
    rows = (limit - grown["start"]) / grown["slope"]
    months = months_until(rows)
    date = None if months > FAR else (today + datetime.timedelta(days=months * DAYS_A_MONTH)).isoformat()
    return {"rows": round(rows), "date": date}


def months_until(rows: float) -> float:
    """Months from now until the users have so many rows; 0 where they have them already."""
    growth = users()["growth"]
    months, counts = growth["months"], growth["rows"]
    if rows <= counts[-1]:
        return float(np.interp(rows, counts, months))
    speed = (counts[-1] - counts[-2]) / (months[-1] - months[-2])
    return float(months[-1] + (rows - counts[-1]) / speed)


def markdown(result: dict[str, Any]) -> str:
    """The tables for reading."""
    sizes = result["sizes"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    models = ", ".join(sizes[0]["models"])
    heads = [f"{one['rows']:,} rows" for one in sizes]
    lines = [
        f"# Rehearsal: {models}; batch {result['batch_size']}",
        "",
        f"{sizes[0]['device']}; {versions}.",
        "",
        f"| | {' | '.join(heads)} | a million rows more | deviation | |",
        "|---|" + "---:|" * (len(heads) + 2) + "---|",
    ]
    for name, grown in result["growth"].items():
        shown = size if name.endswith("bytes") else duration
        cells = [*map(shown, grown["values"]), shown(1e6 * grown["slope"]), f"{grown['deviation']:.1%}"]
        lines.append(f"| {name} | {' | '.join(cells)} | {'linear' if grown['linear'] else 'not linear'} |")
    lines.append(f"| of it the data | {' | '.join(size(one['data']) for one in sizes)} | | | |")
    flat = "flat" if result["rest"]["flat"] else "not flat"
    lines.append(f"| peak less the data | {' | '.join(map(size, result['rest']['values']))} | | | {flat} |")
    for name in sizes[0]["models"]:
        steps = [duration(one["models"][name]["step"]["median"]) for one in sizes]
        lines.append(f"| a step of {name} | {' | '.join(steps)} | | | |")
    lines += ["", "| limit | rows | date |", "|---|---:|---|"]
    for name, found in result["limits"].items():
        rows = "–" if found["rows"] is None else f"{found['rows']:,}"
        lines.append(f"| {name} | {rows} | {found['date'] or 'not within 100 years'} |")
    return "\n".join([*lines, "", METHOD, ""])
