"""The table of ``benchmarks.gpu`` in Markdown."""

TITLES = {
    "latency": "Forecasts of one window",
    "bulk": "Bulk prediction",
    "pipeline": "Training through the input pipeline",
    "minutes to RMSE": "Minutes to a validation RMSE",
}


def line(cell):
    """Return one printed line about a cell."""
    names = [str(cell[key]) for key in ("library", "work", "model", "precision", "batch") if key in cell]
    return f"{' '.join(names)}: {summary(cell)}"


def summary(cell):
    """Return the main figure of a cell."""
    if "failed" in cell:
        return f"failed: {cell['failed']}"
    if "minutes" in cell:
        return f"RMSE {cell['rmse']:.4f} after {cell['minutes']:.2f} minutes"
    if "input_wait" in cell:
        return f"{cell['windows_per_second']:,.0f} windows/s, input wait {100 * cell['input_wait']:.1f} %"
    if "windows_per_second" in cell:
        return f"{1e3 * cell['median']:.2f} ms, {cell['windows_per_second']:,.0f} windows/s"
    return f"{1e3 * cell['median']:.2f} ms" if "median" in cell else "measured"


def page(result):
    """Return the page for all cells so far."""
    about, cells = result["about"], result["cells"]
    limits = next((cell for cell in cells if cell["work"] == "limits" and "failed" not in cell), {})
    lines = [
        "# Speed on this machine's card",
        "",
        *circumstances(about, limits),
        "",
        *train_table(cells, limits),
    ]
    for work, title in TITLES.items():
        rows = [cell for cell in cells if cell["work"] == work]
        if rows:
            lines += ["", f"## {title}", "", *other_table(rows)]
    if result["left_out"]:
        lines += ["", f"{result['left_out']} cells were left out: the time was over."]
    return "\n".join([*lines, ""])


def other_table(cells):
    """Return a table with one figure per cell."""
    rows = [
        [cell["library"], cell.get("model", ""), precision(cell), str(cell.get("batch", "")), summary(cell)]
        for cell in cells
    ]
    head = ["| library | model | precision | batch | result |", "|---|---|---|---:|---|"]
    return head + [f"| {' | '.join(row)} |" for row in rows]


def circumstances(about, limits):
    """Return what the figures depend on."""
    versions = ", ".join(f"{name} {version}" for name, version in (limits.get("versions") or {}).items())
    speeds = [
        f"{name.removeprefix('gflops ')} {value:,.0f} GFLOP/s"
        for name, value in limits.items()
        if name.startswith("gflops")
    ]
    bandwidth = limits.get("gigabytes_per_second")
    text = f"`{about['command']}` on {limits.get('device', 'an unknown device')}"
    text += f" ({limits['driver']})" if limits.get("driver") else ""
    text += (
        f", {about['date']}, backend {about['backend']}, load {about['load']:.1f} at the start; {versions}."
    )
    if bandwidth:
        text += f" Measured limits: products in {', '.join(speeds)}; copies {bandwidth:,.0f} GB/s."
    return [text]


def train_table(cells, limits):
    """Return the table of train steps."""
    head = [
        "## Train steps",
        "",
        "Milliseconds of a step on a batch in the memory of the device. The limit is the time of its operations"
        " or of its bytes at the measured speeds, whichever is longer.",
        "",
        "| model | batch | precision | ours (ms) | windows/s | PyTorch (ms) | ratio | peak MB | planned MB |"
        " limit (ms) |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    key = ("model", "batch", "precision")
    theirs = {
        tuple(cell[name] for name in key): cell
        for cell in cells
        if cell["work"] == "train" and cell["library"] == "torch" and "failed" not in cell
    }
    ours = [cell for cell in cells if cell["work"] == "train" and cell["library"] == "ours"]
    return head + [train_row(cell, theirs.get(tuple(cell[name] for name in key)), limits) for cell in ours]


def train_row(cell, other, limits):
    """Return the row of our step, with PyTorch's if it was measured."""
    names = f"| {cell['model']} | {cell['batch']:,} | {precision(cell)} |"
    if "failed" in cell:
        return f"{names} {cell['failed']} | | | | | | |"
    ratio = f"{cell['median'] / other['median']:.2f}" if other else "-"
    their_time = f"{1e3 * other['median']:.2f}" if other else "-"
    peak = "-" if cell["peak_mb"] is None else f"{cell['peak_mb']:,.0f}"
    return (
        f"{names} {1e3 * cell['median']:.2f} | {cell['windows_per_second']:,.0f} | {their_time} | {ratio} | {peak} |"
        f" {cell['planned_mb']:,.0f} | {limit_text(cell, limits)} |"
    )


def limit_text(cell, limits):
    """Return the shortest time of a step that the measured limits allow, in ms."""
    half = cell["policy"] != "float32"
    rates = [v for k, v in limits.items() if k.startswith("gflops") and (not k.endswith("float32")) == half]
    if not rates or not limits.get("gigabytes_per_second"):
        return "-"
    seconds = max(cell["gflop"] / rates[0], cell["gigabytes"] / limits["gigabytes_per_second"])
    return f"{1e3 * seconds:.2f}"


def precision(cell):
    """Return the precision of a cell as it was computed."""
    return cell.get("policy", cell.get("precision", ""))
