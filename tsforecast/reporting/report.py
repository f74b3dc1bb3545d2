"""Write the report of a run: one HTML page that contains everything it needs."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from tsforecast import __version__
from tsforecast.files import write_text
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Chart, Record, Section
from tsforecast.reporting.header import build_header
from tsforecast.reporting.pictures import PAGE, draw_figures, write_pictures
from tsforecast.reporting.rendering import render
from tsforecast.reporting.sections import build_sections


def write_report(path: str | Path, report: Report, formats: Sequence[str] = (PAGE,)) -> Path:
    """Write the report page, and its charts as pictures into the folder ``figures`` next to it if asked for.

    The page contains all scripts, styles and data (less than 1 MB), and its content policy forbids to load anything.

    Args:
        path: HTML file to write; its folder exists.
        report: What to show.
        formats: ``png`` and ``svg`` for pictures.

    Returns:
        The path of the page.

    Raises:
        ValueError: Arrays that belong together differ in length or shape.
    """
    sections = build_sections(report)
    html = render(
        "report.html.j2",
        **page_values(report.title),
        result=report.result,
        header=build_header(report),
        sections=sections,
        data={"forecast": report.forecast_series, "charts": list(chart_data(sections))},
    )
    write_text(Path(path), html)
    write_pictures(Path(path).with_name("figures"), draw_figures(report), formats)
    return Path(path)


def page_values(title: str) -> dict[str, str]:
    """Return what every page says about itself."""
    written = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return {"title": title, "version": __version__, "written": written}


def chart_data(sections: Sequence[Section]) -> Iterator[Record]:
    """Yield what the browser needs to draw each chart of a page."""
    for section in sections:
        yield from (element.data for element in section.elements if isinstance(element, Chart))
