"""Every metric next to the baselines' own."""

from collections.abc import Mapping, Sequence

from tsforecast.evaluation.summary import mixed_units_note
from tsforecast.formatting import format_aligned, is_finite, readable_name
from tsforecast.metrics import best_value, metric_label
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Cell, Section, Table, TableRow

ORDER = 50
TARGET_METRICS = ("test/rmse", "test/mae")
SPLITS = {"test": "Test", "val": "Validation", "train": "Training", "": "Other"}


def build(report: Report) -> list[Section]:
    """Return the table of metrics, with the better figure of each row in bold."""
    columns = _columns(report)
    keys = list(dict.fromkeys(key for figures in columns.values() for key in figures))
    if not keys:
        return []
    head = [Cell(""), *(Cell(name, "n") for name in columns)]
    rows = []
    for split in sorted({_split(key) for key in keys}, key=lambda split: (split != "test", split)):
        rows.append(TableRow([Cell(SPLITS.get(split, split))]))
        rows += [_row(key, list(columns.values()), report.unit) for key in keys if _split(key) == split]
        rows += _target_rows(report) if split == "test" else []
    notes = ["The best figure of a row is bold."] if len(columns) > 1 else []
    if report.result.get("targets") and not report.unit:
        notes.append(mixed_units_note(report.result["metrics"]))
    return [Section("Metrics", [Table(head, rows)], " ".join(notes))]


def _target_rows(report: Report) -> list[TableRow]:
    """The errors of each target, for a run with several."""
    rows = []
    for target, scores in (report.result.get("targets") or {}).items():
        columns = [scores["metrics"], *(scores["baselines"].get(name, {}) for name in _baselines(report))]
        rows.append(TableRow([Cell(f"{SPLITS['test']}, {target}")]))
        rows += [_row(key, columns, report.unit) for key in TARGET_METRICS]
    return rows


def _baselines(report: Report) -> Mapping[str, Mapping[str, object]]:
    return report.result.get("baselines") or {}


def _columns(report: Report) -> dict[str, Mapping[str, object]]:
    """The figures of the model and of each baseline, by name."""
    model = {str(report.result.get("model", "model")): report.result.get("metrics") or {}}
    return model | {readable_name(name): figures for name, figures in _baselines(report).items()}


def _split(key: str) -> str:
    return key.rpartition("/")[0]


def _row(key: str, columns: Sequence[Mapping[str, object]], unit: str) -> TableRow:
    values = [figures.get(key) for figures in columns]
    finite = [float(value) for value in values if is_finite(value)]
    best = best_value(key, finite) if len(finite) > 1 else None
    cells = [
        Cell(text, "n best" if best is not None and value == best else "n")
        for value, text in zip(values, format_aligned(values), strict=True)
    ]
    return TableRow([Cell(metric_label(key, unit), title=key, is_header=True), *cells])
