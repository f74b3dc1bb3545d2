"""docs/performance.md, of the results that lie in a folder; what was not measured is not on it."""

import json

from benchmarks.accuracy import best, reached
from benchmarks.operations import PASSES

NAMES = {"train": "train step", "infer": "forecast"}
# Ratio of medians to PyTorch's float32 that is aimed at, by work, windows and model.
TARGETS = {
    ("train", 32): {"lstm": 0.70, "gru": 0.37, "cnn_lstm": 0.70, "spike_detector": 0.75},
    ("train", 256): dict.fromkeys(("lstm", "gru", "cnn_lstm", "spike_detector"), 0.80),
    ("infer", 1): dict.fromkeys(("lstm", "gru", "cnn_lstm", "spike_detector"), 0.90),
    ("infer", 32): dict.fromkeys(("lstm", "gru", "cnn_lstm", "spike_detector"), 1.00),
}
LEARNERS = {
    "ours": "ours",
    "pytorch": "plain PyTorch",
    "neuralforecast_lstm": "NeuralForecast LSTM",
    "neuralforecast_patchtst": "NeuralForecast PatchTST",
}


def write(folder, path):
    """Writes the page of all results in a folder."""
    results = {file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))}
    path.write_text(page(results))


def page(results):
    """The page's text."""
    lines = ["# Performance", "", "Written by `make bench`; each section says how it was measured."]
    steps = [found for name, found in results.items() if name.startswith("steps_")]
    if steps:
        lines += steps_section(steps, results.get("products"))
    overheads = [found for name, found in results.items() if name.startswith("overhead_")]
    if overheads or "start" in results:
        lines += overhead_section(overheads, results.get("start"))
    curves = {name: results[f"accuracy_{name}"] for name in LEARNERS if f"accuracy_{name}" in results}
    if curves:
        lines += accuracy_section(curves)
    if "layouts" in results:
        lines += layouts_section(results["layouts"])
    return "\n".join([*lines, ""])


def steps_section(steps, products):
    """Times of train steps and forecasts, their ratios, shares of the peak and memory."""
    head = ("model", "work, windows", "ours", "ours bfloat16", "stock Keras", "PyTorch", "PyTorch bfloat16")
    lines = ["", "## Train steps and forecasts", "", *how(steps), ""]
    lines += [
        "Milliseconds: median [quartiles] and, in brackets, the ratio of medians to PyTorch's float32. PyTorch at one",
        "thread and at all cores, of which the better one counts. Lookback 100, 12 features, AdamW, no dropout. The",
        "processes of a model took turns within each line, asleep while another worked.",
        "",
        *table(head, [step_row(found, cell) for found in steps for cell in found["cells"]]),
        "",
        *targets(steps),
    ]
    lines += [
        "",
        "Peak memory of the process in MB, and the share of the machine's fastest product of the same type",
    ]
    lines += [
        "(float32 of float32, bfloat16 of bfloat16) that the matrix products of the model reach in the median time:"
    ]
    head = (
        "model",
        "work, windows",
        "MB: ours",
        "stock Keras",
        "PyTorch",
        "share: ours",
        "bfloat16",
        "PyTorch",
    )
    lines += [
        "",
        *table(head, [use_row(found, cell, products) for found in steps for cell in found["cells"]]),
    ]
    if products:
        rates = ", ".join(f"{name} {rate:.0f}" for name, rate in products["gflops"].items())
        lines += ["", f"Products of 2,048 x 2,048, GFLOP/s: {rates}."]
    return lines


def step_row(found, cell):
    """The times of a cell."""
    contenders = cell["contenders"]
    name, reference = quickest(contenders, "PyTorch,")
    half_name, half = quickest(contenders, "PyTorch bfloat16,")
    plain = [contenders.get(one) for one in ("ours", "ours bfloat16", "stock Keras")]
    cells = [times(one, reference) for one in plain]
    cells += [times(reference, None, name), times(half, reference, half_name)]
    return [found["model"], f"{NAMES[cell['work']]}, {cell['windows']}", *cells]


def use_row(found, cell, products):
    """Memory and share of the peak of a cell."""
    contenders = cell["contenders"]
    _, reference = quickest(contenders, "PyTorch,")
    ours, half, keras = (contenders.get(one) for one in ("ours", "ours bfloat16", "stock Keras"))
    gflop = found["gflop"] * PASSES[cell["work"]] * cell["windows"]
    memory = [
        "-" if one is None or not one["peak_mb"] else f"{one['peak_mb']:,.0f}"
        for one in (ours, keras, reference)
    ]
    kinds = (ours, "float32"), (half, "bfloat16"), (reference, "float32")
    shares = [share(gflop, one, products, kind) for one, kind in kinds]
    return [found["model"], f"{NAMES[cell['work']]}, {cell['windows']}", *memory, *shares]


def share(gflop, figures, products, kind):
    """Products of a cell per second, of the fastest that was measured for this type."""
    rates = (
        [rate for name, rate in products["gflops"].items() if name.endswith(f" {kind}")] if products else []
    )
    return f"{100 * gflop / figures['median'] / max(rates):.0f} %" if rates and figures else "-"


def targets(steps):
    """Which ratios are aimed at, and which are reached."""
    lines = []
    for found in steps:
        for cell in found["cells"]:
            _, reference = quickest(cell["contenders"], "PyTorch,")
            aim = TARGETS.get((cell["work"], cell["windows"]), {}).get(found["model"])
            if reference is None or aim is None:
                continue
            ratio = cell["contenders"]["ours"]["median"] / reference["median"]
            verdict = "reached" if ratio <= aim else "missed"
            lines.append(
                [
                    found["model"],
                    f"{NAMES[cell['work']]}, {cell['windows']}",
                    f"{aim:.2f}",
                    f"{ratio:.2f}",
                    verdict,
                ]
            )
            _, half = quickest(cell["contenders"], "PyTorch bfloat16,")
            if cell["work"] == "train" and half:
                ratio = cell["contenders"]["ours bfloat16"]["median"] / half["median"]
                verdict = "reached" if ratio <= 1 else "missed"
                told = f"{NAMES['train']}, {cell['windows']}, bfloat16 to PyTorch's bfloat16"
                lines.append([found["model"], told, "1.00", f"{ratio:.2f}", verdict])
    return table(("model", "ratio of", "aim", "found", ""), lines) if lines else []


def overhead_section(overheads, start):
    """What a run costs beyond its steps."""
    lines = ["", "## Overhead of a run", "", *how([*overheads, *([start] if start else [])])]
    if overheads:
        lines += [
            "",
            "Milliseconds a step within `job=train` (loop, callbacks, metrics, input, records and checkpoints; not",
            "validation) and of the bare compiled step, epochs of both in turns in one process; the aim is under 5 %.",
            "",
        ]
        rows = [
            [found["model"], times(found["run"]), times(found["bare"]), percent(found["ratio"])]
            for found in overheads
        ]
        lines += table(("model", "in a run", "bare step", "overhead"), rows)
    if start:
        lines += [
            "",
            "Seconds from `python run.py` until the first step is done, its compilation included; the aim is",
        ]
        lines += ["under 12. Cold: no file of the packages in the system's memory, no module compiled.", ""]
        rows = [
            [name, *(f"{start[name][key]:.1f}" for key in ("median", "low", "high"))]
            for name in ("warm", "cold")
        ]
        lines += table(("", "median", "lower quartile", "upper quartile"), rows)
    return lines


def accuracy_section(curves):
    """How soon each library forecasts how well."""
    lines = ["", "## Time to a validation RMSE", "", *how(list(curves.values())), ""]
    lines += [
        "Household power, lead 10, the same scaled rows and validation windows for all, one after the other. The clock",
        "of ours counts compilation, validation and checkpoints; that of the others stands still when they are scored.",
        "",
    ]
    mark = best(curves["pytorch"]["curve"]) if "pytorch" in curves else None
    rows = [learner_row(LEARNERS[name], found, mark) for name, found in curves.items()]
    head = ("", "settings", "minutes", "windows a second", "best RMSE", "after", "PyTorch's best after")
    lines += table(head, rows)
    failed = [
        f"- {LEARNERS[name]} failed: {found['failed']}"
        for name, found in curves.items()
        if found.get("failed")
    ]
    lines += ["", *failed] if failed else []
    lines += ["", "RMSE by seconds of training:", ""]
    for name, found in curves.items():
        points = ", ".join(f"{row['seconds']:.0f} s {row['rmse']:.4f}" for row in thinned(found["curve"]))
        lines.append(f"- {LEARNERS[name]}: {points}")
    return lines


def layouts_section(found):
    """Ways that were tried beside the one in use, which stands first in each cell."""
    lines = ["", "## Other layouts of recurrent layers", "", *how([found]), ""]
    lines += [
        "Forward passes, in turns in one process; milliseconds and, in brackets, the ratio to the layout in use.",
        "All layers in one loop: layer l is at step t - l while the first is at step t, so that the products of its",
        "input lie inside the loop. Two programs: each direction on a core of its own; a train step has both cores",
        "busy with parts of the batch already.",
        "",
    ]
    rows = []
    for cell in found["cells"]:
        (used, reference), (other, median) = cell["median"].items()
        told = f"{other}: {1e3 * median:.2f} ({median / reference:.2f})"
        windows = f"{cell['windows']} {'window' if cell['windows'] == 1 else 'windows'}"
        rows.append([cell["what"], windows, f"{used}: {1e3 * reference:.2f}", told])
    return lines + table(("", "", "in use", "tried"), rows)


def learner_row(name, found, mark):
    """One line of a learner."""
    low = best(found["curve"])
    if low is None:
        return [name, found.get("settings", "-"), f"{found['minutes']:.1f}", "-", "-", "-", "-"]
    then = reached(found["curve"], mark["rmse"]) if mark else None
    ratio = "" if then is None or then == mark["seconds"] else f" ({then / mark['seconds']:.2f})"
    return [
        name,
        found["settings"],
        f"{found['minutes']:.1f}",
        f"{found['windows_per_second']:,.0f}",
        f"{low['rmse']:.4f}",
        f"{low['seconds']:.0f} s",
        "never" if then is None else f"{then:.0f} s{ratio}",
    ]


def thinned(curve, most=12):
    """At most so many rows of a curve, first and last among them."""
    if len(curve) <= most:
        return curve
    return [curve[round(i * (len(curve) - 1) / (most - 1))] for i in range(most)]


def quickest(contenders, prefix):
    """Name and figures of the quickest contender whose name begins so; (None, None) without one."""
    found = [(name, figures) for name, figures in contenders.items() if name.startswith(prefix)]
    return min(found, key=lambda pair: pair[1]["median"], default=(None, None))


def times(figures, reference=None, name=None):
    """Milliseconds with quartiles, the ratio to a reference, and the threads that a name tells."""
    if figures is None:
        return "-"
    median, low, high = (1e3 * figures[key] for key in ("median", "low", "high"))
    ratio = f" ({figures['median'] / reference['median']:.2f})" if reference else ""
    threads = f", {name.rpartition(', ')[2].replace('threads', 'thr.')}" if name else ""
    return f"{median:.2f} [{low:.2f}, {high:.2f}]{ratio}{threads}"


def percent(ratio):
    """What a ratio is above 1."""
    median, low, high = (100 * (ratio[key] - 1) for key in ("median", "low", "high"))
    return f"{median:+.1f} % [{low:+.1f}, {high:+.1f}]"


def how(results):
    """Command, machine, versions and date, once for each sitting."""
    told = {}
    for found in results:
        versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        told.setdefault(
            f"`{found['command']}` on {found['machine']}, load {found['load']:.1f} before, Python {found['python']},"
            f" {versions}; {found['date']}, commit {found['commit']}.",
            None,
        )
    return list(told)


def table(head, rows):
    """A Markdown table; numbers stand right."""
    return [
        f"| {' | '.join(head)} |",
        "|" + "---|" * 2 + "---:|" * (len(head) - 2),
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
