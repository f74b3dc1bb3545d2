"""The tables and lists of a report: metrics beside baselines, parameters, notes, provenance, config."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tsforecast.formatting import duration, is_number
from tsforecast.metrics import best_value, metric_label
from tsforecast.reporting.format import readable, row_figures, section, table, text


def metrics_section(result: Mapping[str, Any]) -> str:
    """Returns every metric beside the baselines' own, the better one of each row in bold."""
    columns = [(str(result.get("model", "model")), result.get("metrics") or {})]
    columns += [(readable(name), row) for name, row in (result.get("baselines") or {}).items()]
    keys = list(dict.fromkeys(key for _, column in columns for key in column))
    if not keys:
        return ""
    groups = sorted({_split(key)[0] for key in keys}, key=lambda group: (group != "test", group))
    head = "".join(f'<th class="n">{text(name)}</th>' for name, _ in columns)
    lines = [f"<thead><tr><th></th>{head}</tr></thead><tbody>"]
    for group in groups:
        lines.append(
            f'<tr class="group"><th colspan="{len(columns) + 1}">{text(_group_name(group))}</th></tr>'
        )
        lines += [
            _metric_row(key, [column.get(key) for _, column in columns], result.get("unit", ""))
            for key in keys
            if _split(key)[0] == group
        ]
    note = "The better figure of a row is bold." if len(columns) > 1 else ""
    return section("Metrics", f'<div class="scroll"><table>{"".join(lines)}</tbody></table></div>', note)


def _split(key: str) -> tuple[str, str]:
    group, _, metric = key.rpartition("/")
    return group, metric


def _group_name(group: str) -> str:
    return {"test": "Test", "val": "Validation", "train": "Training", "": "Other"}.get(group, group)


def _metric_row(key: str, values: Sequence[Any], unit: str) -> str:
    best = _best(key, values)
    cells = "".join(
        f'<td class="n{" best" if best is not None and value == best else ""}">{shown}</td>'
        for value, shown in zip(values, row_figures(values), strict=True)
    )
    return f'<tr><th title="{text(key)}">{text(metric_label(key, unit))}</th>{cells}</tr>'


def _best(key: str, values: Sequence[Any]) -> float | None:
    """The best of a row; None where neither direction is better (bias, coverage), or where it stands alone."""
    finite = [float(value) for value in values if is_number(value) and math.isfinite(value)]
    return best_value(key, finite) if len(finite) > 1 else None


def table_section(heading: str, note: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns any table under a heading, or nothing without rows."""
    return section(heading, table(rows), note) if rows else ""


def parameters_section(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the parameter table with the total of its ``params``."""
    if not rows:
        return ""
    keys = list(rows[0])
    total = sum(int(row["params"]) for row in rows) if "params" in keys else None
    foot = ""
    if total is not None:
        cells = "".join(
            f'<td class="n">{total:,}</td>' if key == "params" else "<td></td>" for key in keys[1:]
        )
        foot = f"<tfoot><tr><th>Total</th>{cells}</tr></tfoot>"
    return section("Parameters by layer", table(rows, foot=foot))


def notes_section(notes: Sequence[str]) -> str:
    """Returns the notes on the data as a list."""
    if not notes:
        return ""
    return section(
        "Notes on the data", "<ul>" + "".join(f"<li>{text(note)}</li>" for note in notes) + "</ul>"
    )


def provenance_section(result: Mapping[str, Any]) -> str:
    """Returns what is needed to make the figures again: seed, data hash, commit, device, versions."""
    data = result.get("data") or {}
    facts = {
        "Seed": result.get("seed"),
        "Commit": result.get("commit"),
        "Data": data.get("name"),
        "Data hash": data.get("hash"),
        "Device": result.get("device"),
        "Training time": duration(result["seconds"]) if result.get("seconds") is not None else None,
        **{readable(name): version for name, version in (result.get("versions") or {}).items()},
    }
    items = "".join(f"<dt>{text(k)}</dt><dd>{text(v)}</dd>" for k, v in facts.items() if v is not None)
    return section("To make these figures again", f'<dl class="facts">{items}</dl>') if items else ""


def config_section(config_yaml: str) -> str:
    """Returns the config, folded in."""
    if not config_yaml.strip():
        return ""
    return f"<section><details><summary>Config</summary><pre>{text(config_yaml)}</pre></details></section>"
