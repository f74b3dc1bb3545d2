"""Puts a run's figures, charts and settings together into one HTML page that needs no network."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from tsforecast import __version__
from tsforecast.files import write_text
from tsforecast.reporting import charts as chart_data
from tsforecast.reporting import page
from tsforecast.reporting import tables as table_sections
from tsforecast.reporting.bars import bars_section
from tsforecast.reporting.format import text

Row = Mapping[str, Any]


def write_report(
    path: str | Path,
    *,
    title: str,
    result: Mapping[str, Any],
    history: Sequence[Row] = (),
    forecast: Mapping[str, Any] | None = None,
    by_step: Mapping[str, Any] | None = None,
    by_hour: Mapping[str, Any] | None = None,
    config_yaml: str = "",
    parameters: Sequence[Row] = (),
    notes: Sequence[str] = (),
    tables: Sequence[tuple[str, str, Sequence[Row]]] = (),
    bars: Sequence[tuple[str, str, Sequence[Row]]] = (),
    charts: Sequence[Row] = (),
) -> Path:
    """Writes the report page; what is empty or missing leaves its section out.

    The page holds all scripts, styles and data itself (under 1 MB), and a content policy in it forbids any
    load. It is written beside its place first and moved there whole.

    Args:
        path: The HTML file to write; its folder exists.
        title: Heading of the page.
        result: What `result.json` holds: ``status``, ``model``, ``params``, ``seconds``, ``metrics``,
            ``baselines``, ``skill``, ``unit``, ``versions``, ``device``, ``data``, ``seed``, ``commit``, and
            where known ``window`` (``lookback``, ``lead``, ``horizon``). NaN and None become a dash.
        history: A mapping an epoch with ``epoch`` and any of ``loss``, ``val/loss``, ``val/rmse``,
            ``val/mae``, ``learning_rate``, ``steps_per_second``, ``input_wait`` (share of time).
        forecast: ``time`` (datetime64 ``[n]``, of the targets), ``truth`` and ``forecast`` (``[n]`` or
            ``[n, T]``, NaN truth = unobserved); and where there are any, ``lower`` and ``upper`` of the same
            shape, ``interval`` (their name), ``baselines`` (name to array), ``target`` (name or T names),
            ``unit`` (one or T), ``caption``. The newest rows are shown, about 20,000 values of truth in all.
        by_step: ``rmse`` and ``mae`` ``[H]``, and baselines as ``persistence/rmse`` and the like.
        by_hour: ``group`` (hour of day), ``rmse``, ``mae``, baselines as above.
        config_yaml: The composed config.
        parameters: Rows of the parameter table, all with the same keys; those under ``params`` are totalled.
        notes: Sentences on the data: what was mended, how it was split.
        tables: More tables: heading, a sentence below it, rows with the same keys.
        bars: Bar charts: heading, a sentence below it, bars as `bars.bars_section` takes them.
        charts: Further charts, as `charts.lines_chart` makes them.

    Returns:
        The path.

    Raises:
        ValueError: If arrays that belong together differ in length or shape.
    """
    shown = chart_data.forecast_series(forecast) if forecast else None
    small = [
        *chart_data.learning_curves(history, result.get("unit", "")),
        *chart_data.error_by_step(by_step),
        *chart_data.error_by_hour(by_hour),
        *charts,
    ]
    sections = [
        page.forecast_section(shown, forecast),
        page.learning_section(small, history),
        page.error_sections(small, result.get("unit", "")),
        page.chart_sections(charts),
        table_sections.metrics_section(result),
        *(bars_section(heading, note, rows) for heading, note, rows in bars),
        *(table_sections.table_section(heading, note, rows) for heading, note, rows in tables),
        table_sections.parameters_section(parameters),
        table_sections.notes_section(notes),
        table_sections.provenance_section(result),
        table_sections.config_section(config_yaml),
    ]
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    html = Template(asset("report.html")).substitute(
        title=text(title),
        summary=page.summary(result, forecast),
        banner=page.banner(result),
        figures=page.headline_figures(result),
        sections="\n".join(section for section in sections if section),
        footer=text(f"Written by tsforecast {__version__} on {now}. Charts by uPlot (MIT licence)."),
        data=chart_data.embed({"forecast": shown, "small": small}),
        style=asset("report.css"),
        script=asset("report.js"),
        uplot_style=asset("uPlot.min.css"),
        uplot_script=asset("uPlot.iife.min.js"),
    )
    write_text(Path(path), html)
    return Path(path)


def asset(name: str) -> str:
    """Returns the text of a file in `assets/`."""
    return (files("tsforecast.reporting") / "assets" / name).read_text(encoding="utf-8")
