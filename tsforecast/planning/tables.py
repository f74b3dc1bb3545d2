"""The plan on a terminal."""

from collections.abc import Callable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tsforecast.formatting import duration
from tsforecast.planning.formatting import short, size


def show(plan: dict[str, Any], console: Console | None = None) -> None:
    """Prints what ``plan.json`` holds."""
    console = console or Console(width=None)
    device = plan["device"]
    console.print(
        f"Plan for a {device['kind']} with {size(device['memory'])}, {device['policy']}, "
        f"batch {plan['batch_size']} x {plan['accumulate_steps']}, {plan['rows']:,} rows; nothing was trained."
    )
    tables = (_memory, _inference, _fit, _time, _verified, _peaks, _batches, _scales, _estimates)
    for table in (make(plan) for make in tables):
        if table is not None:
            console.print()
            console.print(table)


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column(first, no_wrap=True, min_width=14)
    for name in columns:
        table.add_column(name, justify="right")
    return table


HEADS = {
    "weights": "weights",
    "gradients": "grads",
    "optimizer": "optim.",
    "batch": "batch",
    "activations": "activ.",
    "workspace": "work",
    "step": "step",
}  # short, so that a line fits 80 columns


def _memory(plan: dict[str, Any]) -> Table:
    table = _table(
        "A train step: weights, gradients, optimizer, batch, activations, workspace", "model", *HEADS.values()
    )
    for name, model in plan["models"].items():
        table.add_row(name, *(short(model["training"][line]) for line in HEADS))
    return table


def _inference(plan: dict[str, Any]) -> Table:
    heads = {line: HEADS[line] for line in ("weights", "batch", "workspace", "step")}
    table = _table("A forecast of a batch", "model", *heads.values())
    for name, model in plan["models"].items():
        table.add_row(name, *(short(model["inference"][line]) for line in heads))
    return table


def _fit(plan: dict[str, Any]) -> Table:
    models = plan["models"].items()
    table = _table("Does it fit?", "model", "params", "step", "in all", "largest batch", "instead")
    for name, model in models:
        sizes = [model["training"]["step"], model["peak"]]
        table.add_row(name, f"{model['params']:,}", *map(short, sizes), _batch(model), _instead(model))
    together = plan["ensemble"]
    table.caption = (
        "in all: with the data and the program; the ensemble's step is that of fine-tuning all members together. "
        f"{', '.join(together['members'])}: {together['params']:,} parameters; trained one after the other and "
        f"fine-tuned {size(together['train_peak'])}, served together {size(together['serve_peak'])}"
    )
    return table


def _batch(model: dict[str, Any]) -> str:
    return "–" if model["largest_batch"] is None else f"{model['largest_batch']:,}"


def _instead(model: dict[str, Any]) -> str:
    if model["fits"] or not model["accumulation"]:
        return ""
    return "{} x {}".format(*model["accumulation"])


def _time(plan: dict[str, Any]) -> Table | None:
    if not any("time" in model for model in plan["models"].values()):
        return None
    table = _table("Time on this machine", "model", "steps", "a step", "the run", "a pass", "one forecast")
    for name, model in plan["models"].items():
        found = model["time"]
        steps = "–" if model["steps"] is None else f"{model['steps']:,}"
        one = duration(found["forecast"]["median"])
        seconds = [found["step"]["median"], found["run_seconds"], found["pass_seconds"]]
        table.add_row(name, steps, *map(duration, seconds), one)
    return table


def _verified(plan: dict[str, Any]) -> Table | None:
    rows = {name: model["verified"] for name, model in plan["models"].items() if "verified" in model}
    if not rows:
        return None
    table = _table("Measured in a fresh process", "model", "step", "predicted", "measured", "ratio")
    for name, found in rows.items():
        for what, row in found.items():
            table.add_row(name, what, size(row["predicted"]), size(row["measured"]), f"{row['ratio']:.2f}")
    return table


def _peaks(plan: dict[str, Any]) -> Table:
    return _at_scales(plan, "Training in all, at each scale", lambda cell: short(cell["peak"]))


def _batches(plan: dict[str, Any]) -> Table:
    return _at_scales(plan, "The largest batch, at each scale", _batch)


def _at_scales(plan: dict[str, Any], title: str, shown: Callable[[dict[str, Any]], str]) -> Table:
    scales = plan["scales"]
    table = _table(title, "model", *scales)
    for name in plan["models"]:
        table.add_row(name, *(shown(scale["models"][name]) for scale in scales.values()))
    return table


def _scales(plan: dict[str, Any]) -> Table:
    table = _table(
        "The ensemble at each scale", "scale", "rows", "data", "train", "serve", "steps a pass", "a pass"
    )
    for name, row in plan["scales"].items():
        sizes = [short(row[key]) for key in ("data", "train_peak", "serve_peak")]
        steps = f"{row['steps_a_pass']:,}"
        table.add_row(name, f"{row['rows']:,}", *sizes, steps, duration(row["pass_seconds"]))
    return table


def _estimates(plan: dict[str, Any]) -> Table:
    table = _table("The users' estimates beside ours", "line", "theirs", "ours")
    table.add_column("holds?", no_wrap=True)
    table.caption = plan["source"]
    for name, row in plan["estimates"].items():
        line = name.removesuffix(", bytes")
        figure = _number if line == name else short
        table.add_row(line, figure(row["users"]), figure(row["ours"]), row["verdict"] or "not measured")
    return table


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
