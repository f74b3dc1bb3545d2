"""How time and memory grow with the number of rows, and when growth reaches each limit."""

import datetime
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsforecast import runtime
from tsforecast.errors import UserError
from tsforecast.formatting import duration, size
from tsforecast.planning.estimates import user_estimates
from tsforecast.planning.memory import training_data_bytes
from tsforecast.timing import seconds_per_call

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.data.series import Series
    from tsforecast.models.protocol import Model
    from tsforecast.training.trainer import Trainer

SHARES = (0.25, 0.5, 1.0)  # of many series, whose number grows
MIN_SERIES = 4
SCORED_SHARE = 0.1  # share of the test windows that are forecast
MAX_DEVIATION = (
    0.10  # growth is linear if no size deviates more from the line, as a share of the largest value
)
MAX_RANGE = 0.10  # memory without data is flat if its range is at most this share of it
MAX_MONTHS = 100 * 12  # later dates are not reported
DAYS_PER_MONTH = 365.25 / 12
PASSES, RETRAINING, PEAK = (
    "one pass of every model, s",
    "loading, one pass and test forecasts, s",
    "peak memory, bytes",
)
METHOD = (
    "Method. Each size ran in its own process: loading and preparing all rows, then for each model train steps on "
    "batches of these rows (median, including input, after compilation and two warm-up steps) and forecasts of about "
    "every tenth test window (extrapolated to all of them). A pass is a step times the number of steps in one pass "
    "over the training windows. The peak is the process's largest resident size, including compilation; the data are "
    "the arrays that a run holds, counted. Lines are least-squares fits; the deviation is the largest distance of a "
    "size from its line, as a share of the largest value. The rows of a limit are where the line reaches it, and the "
    "date is when the planned growth reaches that number of rows; after its last point, growth continues at the pace "
    "of its last two."
)


class TrainingSetup(NamedTuple):
    """A model that is ready to train.

    Args:
        model: The network.
        trainer: Its compiled trainer.
        batches: Training batches of the dataset, without end.
    """

    model: "Model"
    trainer: "Trainer"
    batches: Iterator[Any]


def measure_model(
    build: Callable[[], TrainingSetup], dataset: "ForecastDataset", *, batch_size: int, seconds: float
) -> dict[str, Any]:
    """Measure one model at one size, after compilation.

    Args:
        build: Builds the model; called once, so that its memory can be freed before the next model is built.
        dataset: The data at this size.
        batch_size: Windows per step.
        seconds: Approximate time to spend on timed steps.

    Returns: ``step``, the times of a train step with its input; ``steps_a_pass``; ``scoring``, the seconds for all test
        windows, extrapolated from a share of them.
    """
    setup = build()
    result = {
        "step": seconds_per_call(_training_call(setup), seconds),
        "steps_a_pass": max(1, len(dataset.windows("train")) // batch_size),
        "scoring": _scoring_seconds(setup.model, dataset),
    }
    # The batches hold the rows as tensors in a reference cycle, and would stay in memory next to the next model.
    del setup
    gc.collect()
    return result


def _training_call(setup: TrainingSetup) -> Callable[[], object]:
    """Return a call that trains on the next batch."""
    import keras

    _, trainer, batches = setup
    if keras.config.backend() != "tensorflow":
        return lambda: trainer.train_on_batch(*next(batches))
    step = trainer.make_train_function()
    return lambda: float(np.asarray(step(batches)["loss"]))


def _scoring_seconds(model: "Model", dataset: "ForecastDataset") -> float:
    from tsforecast.inference.predict import BATCH, forward

    windows = len(dataset.windows("test"))
    scored = dataset.windows("test", limit=max(BATCH, round(windows * SCORED_SHARE)))
    forward(model, dataset.windows("test", limit=BATCH))  # compiles
    start = time.perf_counter()
    forward(model, scored)
    return (time.perf_counter() - start) * windows / len(scored)


def take_share(series: "Series", share: float) -> "Series":
    """Return the first of many series; one series as it is.

    Args:
        series: The data.
        share: The share of the series to take, in (0, 1].

    Raises:
        UserError: There are too few series.
    """
    if series.panel is None:
        return series
    count = len(series.panel)
    if count < MIN_SERIES:
        raise UserError(
            f"job=rehearsal of many series measures a quarter, half and all of them: it needs {MIN_SERIES} or more, and"
            f" these are {count}."
        )
    kept = np.arange(count) < round(share * count)
    return series.select(np.repeat(kept, series.panel.lengths))


def size_row(
    dataset: "ForecastDataset", info: runtime.RuntimeInfo, loading: float, models: dict[str, Any]
) -> dict[str, Any]:
    """Return the measurements of one size; times in seconds, sizes in bytes.

    Args:
        dataset: The data at this size.
        info: What the process runs with.
        loading: Seconds to load and prepare the data.
        models: Result of ``measure_model`` for each model.
    """
    return {
        "rows": len(dataset.series),
        "device": info.device_name,
        "kind": info.device,
        "loading": loading,
        "data": training_data_bytes(dataset),
        "peak": round((runtime.peak_memory_mb() or 0.0) * 1e6),
        "models": models,
    }


def analyze_growth(sizes: Sequence[dict[str, Any]], *, memory: int, today: datetime.date) -> dict[str, Any]:
    """Return the growth of time and memory, and the limits.

    Args:
        sizes: Results of ``size_row`` for at least two sizes, in increasing order of rows.
        memory: Memory of this machine in bytes.
        today: Date of the first point of the planned growth.
    """
    rows = [row["rows"] for row in sizes]
    growth = {
        name: fit_line(rows, values) | {"values": values} for name, values in _growth_curves(sizes).items()
    }
    limits = {
        name: find_limit(growth[curve], limit, today)
        for name, (limit, curve) in _limits(memory, sizes[0]["kind"]).items()
    }
    rest = [row["peak"] - row["data"] for row in sizes]
    flat = max(rest) - min(rest) <= MAX_RANGE * max(rest)
    return {"growth": growth, "rest": {"values": rest, "flat": flat}, "limits": limits}


def _growth_curves(sizes: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    loading = [row["loading"] for row in sizes]
    passes = [sum(m["step"]["median"] * m["steps_a_pass"] for m in row["models"].values()) for row in sizes]
    scoring = [sum(m["scoring"] for m in row["models"].values()) for row in sizes]
    return {
        "loading, s": loading,
        PASSES: passes,
        "all test forecasts, s": scoring,
        RETRAINING: [sum(parts) for parts in zip(loading, passes, scoring, strict=True)],
        PEAK: [row["peak"] for row in sizes],
    }


def _limits(memory: int, kind: str) -> dict[str, tuple[float, str]]:
    """Return each limit with the curve that it applies to."""
    retrain = user_estimates()["hours_to_retrain"]["gpu"]
    train = user_estimates()["hours_to_train"][kind]
    return {
        f"daily retraining within {retrain} h, one pass of every model": (retrain * 3600, RETRAINING),
        f"training within the estimated {train} h, one pass of every model": (train * 3600, PASSES),
        f"memory of this machine, {size(memory)}": (memory, PEAK),
        "memory of a V100, 32.0 GB": (32e9, PEAK),
    }


def fit_line(rows: Sequence[int], values: Sequence[float]) -> dict[str, Any]:
    """Fit a least-squares line.

    Args:
        rows: Number of rows at each size.
        values: Measured value at each size.

    Returns: ``slope`` per row, ``start`` at no rows, ``deviation`` as a share of the largest value, and ``linear``.

    Example:
        >>> fit_line([1, 2, 3], [10, 20, 30])["linear"]
        True
    """
    slope, start = np.polyfit(np.asarray(rows, float), np.asarray(values, float), 1)
    distance = np.abs(slope * np.asarray(rows) + start - np.asarray(values)).max()
    deviation = distance / max(map(abs, values))
    return {
        "slope": float(slope),
        "start": float(start),
        "deviation": float(deviation),
        "linear": bool(deviation <= MAX_DEVIATION),
    }


def find_limit(line: dict[str, Any], limit: float, today: datetime.date) -> dict[str, Any]:
    """Return the ``rows`` at which a line reaches a limit and the ``date`` in ISO format; None if it never does.

    Args:
        line: Result of ``fit_line``.
        limit: The limit in the line's unit.
        today: Date of the first point of the planned growth.
    """
    if line["slope"] <= 0:
        return {"rows": None, "date": None}
    rows = (limit - line["start"]) / line["slope"]
    months = months_to_reach(rows)
    date = None
    if months <= MAX_MONTHS:
        date = (today + datetime.timedelta(days=months * DAYS_PER_MONTH)).isoformat()
    return {"rows": round(rows), "date": date}


def months_to_reach(rows: float) -> float:
    """Return the months until the users have a number of rows; 0 if they already have them."""
    growth = user_estimates()["growth"]
    months, counts = growth["months"], growth["rows"]
    if rows <= counts[-1]:
        return float(np.interp(rows, counts, months))
    speed = (counts[-1] - counts[-2]) / (months[-1] - months[-2])
    return float(months[-1] + (rows - counts[-1]) / speed)


def markdown(result: dict[str, Any]) -> str:
    """Return the tables of growth and limits.

    Args:
        result: Content of ``rehearsal.json``.
    """
    sizes = result["sizes"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = [
        f"# Scaling study: {', '.join(sizes[0]['models'])}; batch size {result['batch_size']}",
        "",
        f"{sizes[0]['device']}; {versions}.",
        "",
        *_growth_table(result),
        "",
        "| limit | rows | date |",
        "|---|---:|---|",
    ]
    for name, limit in result["limits"].items():
        rows = "–" if limit["rows"] is None else f"{limit['rows']:,}"
        lines.append(f"| {name} | {rows} | {limit['date'] or 'not within 100 years'} |")
    return "\n".join([*lines, "", METHOD, ""])


def _growth_table(result: dict[str, Any]) -> list[str]:
    sizes, rest = result["sizes"], result["rest"]
    heads = [f"{row['rows']:,} rows" for row in sizes]
    lines = [
        f"| | {' | '.join(heads)} | per million rows | deviation | |",
        "|---|" + "---:|" * (len(heads) + 2) + "---|",
    ]
    for name, line in result["growth"].items():
        show = size if name.endswith("bytes") else duration
        cells = [*map(show, line["values"]), show(1e6 * line["slope"]), f"{line['deviation']:.1%}"]
        lines.append(f"| {name} | {' | '.join(cells)} | {'linear' if line['linear'] else 'not linear'} |")
    lines.append(f"| of which data | {' | '.join(size(row['data']) for row in sizes)} | | | |")
    flat = "flat" if rest["flat"] else "not flat"
    lines.append(f"| peak without data | {' | '.join(map(size, rest['values']))} | | | {flat} |")
    for name in sizes[0]["models"]:
        steps = [duration(row["models"][name]["step"]["median"]) for row in sizes]
        lines.append(f"| one step of {name} | {' | '.join(steps)} | | | |")
    return lines
