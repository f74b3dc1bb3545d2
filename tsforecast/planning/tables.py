"""The plan on a terminal."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tsforecast.planning.formatting import duration, short, size


def show(plan: dict[str, Any], console: Console | None = None) -> None:
    """Prints what ``plan.json`` holds."""
    console = console or Console(width=None)
    device = plan["device"]
    console.print(
        f"Plan for a {device['kind']} with {size(device['memory'])}, {device['policy']}, "
        f"batch {plan['batch_size']} x {plan['accumulate_steps']}, {plan['rows']:,} rows; nothing was trained."
    )
    for table in (_memory(plan), _fit(plan), _time(plan), _verified(plan), _scales(plan), _estimates(plan)):
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


def _fit(plan: dict[str, Any]) -> Table:
    models = plan["models"].items()
    table = _table(
        "Does it fit?", "model", "params", "step", "forecast", "in all", "largest batch", "instead"
    )
    for name, model in models:
        sizes = [model["training"]["step"], model["inference"]["step"], model["peak"]]
        table.add_row(name, f"{model['params']:,}", *map(short, sizes), _batch(model), _instead(model))
    together = plan["ensemble"]
    table.caption = (
        f"{', '.join(together['members'])}: {together['params']:,} parameters; trained one after the other "
        f"{size(together['train_peak'])}, served together {size(together['serve_peak'])}, program and data included"
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


def _scales(plan: dict[str, Any]) -> Table | None:
    if not plan["scales"]:
        return None
    table = _table(
        "The ensemble at each scale", "scale", "rows", "data", "train peak", "serve peak", "a pass"
    )
    for name, row in plan["scales"].items():
        sizes = [size(row[key]) for key in ("data", "train_peak", "serve_peak")]
        table.add_row(name, f"{row['rows']:,}", *sizes, duration(row["pass_seconds"]))
    return table


def _estimates(plan: dict[str, Any]) -> Table:
    table = _table("The users' estimates beside ours", "line", "theirs", "ours", "holds?")
    table.caption = plan["source"]
    for name, row in plan["estimates"].items():
        figure = size if name.endswith("bytes") else _number
        table.add_row(name, figure(row["users"]), figure(row["ours"]), row["verdict"] or "not measured")
    return table


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
