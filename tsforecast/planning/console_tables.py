"""Print a plan as tables on a terminal."""

from collections.abc import Callable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tsforecast.formatting import duration, short_size, size


def print_plan(plan: dict[str, Any], console: Console | None = None) -> None:
    """Print the content of ``plan.json``.

    Args:
        plan: Result of ``plan.plan_document``.
        console: Console to print to; None for standard output.
    """
    console = console or Console(width=None)
    device = plan["device"]
    console.print(
        f"Plan for a {device['kind']} with {size(device['memory'])}, {device['policy']}, "
        f"batch size {plan['batch_size']} x {plan['accumulate_steps']}, {plan['rows']:,} rows; nothing was trained."
    )
    tables = (_training, _inference, _fit, _time, _measurements, _peaks, _batches, _scales, _estimates)
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
    table.add_column(first, min_width=14)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


HEADS = {
    "weights": "weights",
    "gradients": "grads",
    "optimizer": "optim.",
    "batch": "batch",
    "activations": "activ.",
    "workspace": "work",
    "step": "step",
}  # short, to fit into 80 columns


def _training(plan: dict[str, Any]) -> Table:
    table = _table(
        "A train step: weights, gradients, optimizer, batch, activations, workspace", "model", *HEADS.values()
    )
    for name, model in plan["models"].items():
        table.add_row(name, *(short_size(model["training"][line]) for line in HEADS))
    return table


def _inference(plan: dict[str, Any]) -> Table:
    heads = {line: HEADS[line] for line in ("weights", "batch", "workspace", "step")}
    table = _table("A forecast of a batch", "model", *heads.values())
    for name, model in plan["models"].items():
        table.add_row(name, *(short_size(model["inference"][line]) for line in heads))
    return table


def _fit(plan: dict[str, Any]) -> Table:
    models = plan["models"].items()
    table = _table("Does it fit?", "model", "params", "step", "total", "largest batch", "use instead")
    for name, model in models:
        sizes = [model["training"]["step"], model["peak"]]
        table.add_row(name, f"{model['params']:,}", *map(short_size, sizes), _batch(model), _instead(model))
    ensemble = plan["ensemble"]
    table.caption = (
        "total: with the data and the program; the ensemble's step is that of fine-tuning all members together. "
        f"{', '.join(ensemble['members'])}: {ensemble['params']:,} parameters; training one member after the other and "
        f"fine-tuning needs {size(ensemble['train_peak'])}, serving all of them {size(ensemble['serve_peak'])}"
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
    table = _table(
        "Time on this machine", "model", "steps", "one step", "the run", "one pass", "one forecast"
    )
    for name, model in plan["models"].items():
        times = model["time"]
        steps = "–" if model["steps"] is None else f"{model['steps']:,}"
        seconds = [times["step"]["median"], times["run_seconds"], times["pass_seconds"]]
        table.add_row(name, steps, *map(duration, [*seconds, times["forecast"]["median"]]))
    return table


def _measurements(plan: dict[str, Any]) -> Table | None:
    rows = {name: model["verified"] for name, model in plan["models"].items() if "verified" in model}
    if not rows:
        return None
    table = _table("Measured in a new process", "model", "step", "predicted", "measured", "ratio")
    for name, steps in rows.items():
        for step, row in steps.items():
            table.add_row(name, step, size(row["predicted"]), size(row["measured"]), f"{row['ratio']:.2f}")
    return table


def _peaks(plan: dict[str, Any]) -> Table:
    return _scale_table(plan, "Peak memory of training at each scale", lambda cell: short_size(cell["peak"]))


def _batches(plan: dict[str, Any]) -> Table:
    return _scale_table(plan, "Largest batch size at each scale", _batch)


def _scale_table(plan: dict[str, Any], title: str, show: Callable[[dict[str, Any]], str]) -> Table:
    scales = plan["scales"]
    table = _table(title, "model", *scales)
    for name in plan["models"]:
        table.add_row(name, *(show(scale["models"][name]) for scale in scales.values()))
    return table


def _scales(plan: dict[str, Any]) -> Table:
    table = _table(
        "The ensemble at each scale", "scale", "rows", "data", "train", "serve", "steps per pass", "one pass"
    )
    for name, row in plan["scales"].items():
        sizes = [short_size(row[key]) for key in ("data", "train_peak", "serve_peak")]
        steps = f"{row['steps_a_pass']:,}"
        table.add_row(name, f"{row['rows']:,}", *sizes, steps, duration(row["pass_seconds"]))
    return table


def _estimates(plan: dict[str, Any]) -> Table:
    table = _table("Original estimates and this plan", "quantity", "estimate", "plan")
    table.add_column("estimate is", no_wrap=True)
    table.caption = plan["source"]
    for name, row in plan["estimates"].items():
        line = name.removesuffix(", bytes")
        figure = _number if line == name else short_size
        table.add_row(line, figure(row["users"]), figure(row["ours"]), row["verdict"] or "not measured")
    return table


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
