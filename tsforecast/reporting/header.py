"""The top of a report: a sentence about the run and the tiles with its main figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tsforecast.formatting import MISSING, format_number, format_percent, is_finite, readable_name
from tsforecast.metrics import METRICS
from tsforecast.reporting.context import Report

TILES = ("rmse", "mae")  # metrics of the test split


@dataclass(frozen=True)
class Tile:
    """A main figure.

    Args:
        label: What it is.
        value: The figure.
        unit: Its unit, shown smaller; empty for none.
        notes: Lines below it.
        css: ``good``, ``bad`` or empty.
    """

    label: str
    value: str
    unit: str = ""
    notes: Sequence[str] = ()
    css: str = ""


@dataclass(frozen=True)
class Header:
    """What the top of a report says."""

    status: str
    target: str
    steps: str
    lookback: int
    data: str
    rows: int | None
    tiles: Sequence[Tile]


def build_header(report: Report) -> Header:
    """Return the top of a report."""
    result = report.result
    data, window = result.get("data") or {}, result.get("window") or {}
    return Header(
        status=str(result.get("status", "done")),
        target=_target(report),
        steps=_steps(window),
        lookback=int(window.get("lookback") or 0),
        data=str(data.get("name") or ""),
        rows=data.get("rows"),
        tiles=[*_metric_tiles(report), *_skill_tiles(report)],
    )


def _target(report: Report) -> str:
    target = (report.forecast or {}).get("target")
    names = [target] if isinstance(target, str) else list(target or [])
    return str(names[0]) if len(names) == 1 else f"{len(names)} targets" if names else ""


def _steps(window: Mapping[str, int]) -> str:
    if not window.get("lead"):
        return ""
    first, last = int(window["lead"]), int(window["lead"]) + int(window.get("horizon", 1)) - 1
    steps = f"{first}" if first == last else f"{first} to {last}"
    return f"{steps} step{'' if steps == '1' else 's'}"


def _metric_tiles(report: Report) -> list[Tile]:
    figures, baselines = report.result.get("metrics") or {}, report.result.get("baselines") or {}
    tiles = []
    for name in TILES:
        key = f"test/{name}"
        if key in figures:
            notes = [
                f"{readable_name(baseline)} {format_number(row.get(key))}"
                for baseline, row in baselines.items()
            ]
            unit = report.unit if is_finite(figures[key]) else ""
            tiles.append(Tile(f"Test {METRICS[name].label}", format_number(figures[key]), unit, notes))
    return tiles


def _skill_tiles(report: Report) -> list[Tile]:
    return [
        _skill_tile(f"Skill over {readable_name(name).lower()}", value)
        for name, value in (report.result.get("skill") or {}).items()
    ]


def _skill_tile(label: str, value: object) -> Tile:
    if not is_finite(value):
        return Tile(label, MISSING, notes=["not defined: the baseline has no error"])
    note = "RMSE lower than the baseline’s" if value > 0 else "no better than the baseline"
    return Tile(label, format_percent(value), "%", [note], "good" if value > 0 else "bad")
