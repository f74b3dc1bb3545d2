"""The page of ``job=watch``: what runs, what has ended and how it compares, served on loopback."""

import hashlib
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tsforecast.comparison import live
from tsforecast.comparison.leaderboard import Entry, find_cautions, rank_runs, summarize_seeds
from tsforecast.comparison.page import render_board
from tsforecast.comparison.runs import collect_runs, find_folders
from tsforecast.errors import UserError
from tsforecast.formatting import is_finite
from tsforecast.reporting.charts import RunPoints, run_color, runs_chart
from tsforecast.reporting.elements import Chart

HOST = "127.0.0.1"
NAMES = ("127.0.0.1", "localhost")  # others in a Host header mean that another site has led the browser here


class Watch:
    """The page of some folders; it is made again only if a run has written something.

    Args:
        over: Folders of runs or sweeps, or glob patterns.
        seconds: Seconds between two looks, which the page asks for.

    Raises:
        UserError: A pattern matches nothing.
    """

    def __init__(self, over: str | Sequence[str], seconds: float):
        find_folders(over)
        self._over, self._seconds = over, seconds
        self._lock = threading.Lock()
        self._finished: tuple[object, list[Entry]] = ((), [])
        self._page: tuple[str, str] = ("", "")

    def version(self) -> str:
        """Return what changes whenever the page would."""
        silence = int(time.time() // live.SILENT_SECONDS)  # after which a run that writes nothing is shown so
        content = repr((silence, live.stamp(find_folders(self._over))))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def page(self) -> str:
        """Return the page as it is now."""
        with self._lock:
            version = self.version()
            if self._page[0] != version:
                self._page = version, self._render(version)
            return self._page[1]

    def report(self, number: int) -> str | None:
        """Return the report of a finished run, by its number on the page; None without one."""
        board = self._finished[1]
        file = board[number].run.folder / "report.html" if 0 <= number < len(board) else None
        return file.read_text(encoding="utf-8") if file is not None and file.is_file() else None

    def _render(self, version: str) -> str:
        folders = find_folders(self._over)
        board, runs = self._rank(folders), live.read_unfinished(folders)
        running = sum(run.status == "running" for run in runs)
        return render_board(
            f"{running} running, {len(board)} finished",
            board,
            summarize_seeds(board),
            find_cautions(board),
            template="watch.html.j2",
            link=lambda entry: f"/report/{entry.number}" if _has_report(entry) else "",
            charts=unfinished_charts(runs, len(board)),
            runs=[(run, len(board) + number, _css(len(board) + number)) for number, run in enumerate(runs)],
            sweeps=live.read_sweeps(folders),
            live={"version": version, "seconds": self._seconds},
        )

    def _rank(self, folders: Sequence[Path]) -> list[Entry]:
        """Return the leaderboard; the intervals take time, so only if another run has finished."""
        stamp = tuple(entry for entry in live.stamp(folders) if entry[0].endswith("result.json"))
        if self._finished[0] != stamp:
            try:
                self._finished = stamp, rank_runs(collect_runs([str(folder) for folder in folders])[0])
            except UserError:  # nothing has finished yet
                self._finished = stamp, []
        return self._finished[1]


def unfinished_charts(runs: Sequence[live.LiveRun], first: int) -> list[Chart]:
    """Return the learning curves of runs that are not done.

    Args:
        runs: The runs.
        first: Number of the first on the page, after those that have finished.
    """
    charts = []
    for key, name in ((live.CURVE, "Validation RMSE"), ("loss", "Training loss")):
        points = [
            RunPoints(first + number, run.folder.name, *_points(run, key)) for number, run in enumerate(runs)
        ]
        points = [one for one in points if one.x]
        if points:
            charts.append(runs_chart(f"live-{name.split()[-1].lower()}", name, "Step", name.lower(), points))
    return charts


def _points(run: live.LiveRun, key: str) -> tuple[list[float], list[float]]:
    rows = [row for row in run.history if all(is_finite(row.get(name)) for name in ("step", key))]
    return [float(row["step"]) for row in rows], [float(row[key]) for row in rows]


def _has_report(entry: Entry) -> bool:
    return (entry.run.folder / "report.html").is_file()


def _css(number: int) -> str:
    color = run_color(number)
    return color if color.startswith("c") else "more"


def create_server(watch: Watch, port: int) -> ThreadingHTTPServer:
    """Return a server for the page, bound to the loopback address.

    Args:
        watch: The page.
        port: Port to listen on; 0: any free one.

    Raises:
        UserError: The port cannot be listened on.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Host", "").rpartition(":")[0] not in NAMES:
                self._send(403, "text/plain", "This page is for this machine.")
            elif self.path == "/":
                self._send(200, "text/html", watch.page())
            elif self.path == "/version":
                self._send(200, "text/plain", watch.version())
            else:
                word = self.path.removeprefix("/report/")
                report = watch.report(int(word)) if word.isdecimal() else None
                self._send(404 if report is None else 200, "text/html", report or "This page does not exist.")

        def _send(self, status: int, kind: str, text: str) -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise UserError(
            f"watch.port={port} cannot be listened on ({(error.strerror or str(error)).lower()}): choose another port."
        ) from None
    server.daemon_threads = True
    return server
