"""The TensorBoard tracker: scalars, figures, tables as text, and hyperparameters, in the run's folder."""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsforecast.errors import UserError, install_hint
from tsforecast.files import flatten
from tsforecast.formatting import is_finite
from tsforecast.tracking.artifacts import Artifact
from tsforecast.tracking.line_image import draw_lines
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.run_folder import RunFolder

TABLE_ROWS = 50  # of a table that are shown as text


class TensorBoardTracker(NullTracker):
    """Write events to one file, each at once: TensorBoard shows a training as it runs, and a kill loses nothing.

    Pages and files are left out: they are in the folder next to the events.

    Args:
        folder: Folder for the event file.
    """

    def __init__(self, folder: Path):
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        self._file = open(folder / name, "wb")  # noqa: SIM115 (closed by `close`)
        self._writer, self._new_event, self._step = RecordWriter(self._file), event_pb2.Event, 0
        self._write(event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2"))

    def log(self, row: Mapping[str, object], step: int) -> None:
        """Write numbers under ``step``; values that are not numbers are left out."""
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        self._step = step
        for name, value in row.items():
            if is_finite(value):
                self._write_summary(scalar_pb(name, float(value)))

    def summary(self, values: Mapping[str, object]) -> None:
        """Write the final figures, as ``final/NAME`` next to the curves; for hyperparameters they are the metrics."""
        self.log({f"final/{name}": value for name, value in values.items()}, self._step)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write the first rows of a table as text."""
        lines = [columns, ["---"] * len(columns), *rows[:TABLE_ROWS]]
        if len(rows) > TABLE_ROWS:
            lines.append([f"... {len(rows) - TABLE_ROWS:,} more", *[""] * (len(columns) - 1)])
        self._write_text(name, "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))

    def forecast_plot(
        self,
        name: str,
        x: Sequence[float],
        lines: Mapping[str, Sequence[float]],
        x_name: str,
        title: str = "",
    ) -> None:
        """Write a line plot as an image."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        image, buffer = draw_lines(x, lines, x_name, title or name), io.BytesIO()
        image.save(buffer, format="PNG")
        encoded = Summary.Image(
            height=image.height, width=image.width, colorspace=3, encoded_image_string=buffer.getvalue()
        )
        self._write_summary(Summary(value=[Summary.Value(tag=name, image=encoded)]))

    def artifact(self, artifact: Artifact) -> None:
        """Write the names of the files as text."""
        self._write_text(artifact.name, "\n".join(f"- {file}" for file in artifact.files))

    def alert(self, title: str, text: str) -> None:
        """Write the alert as text."""
        self._write_text(f"alert/{title}", text)

    def hyperparameters(self, config: Mapping[str, Any]) -> None:
        """Write the options of a run, by which TensorBoard's table compares runs."""
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        options = {
            key: value if isinstance(value, (int, float)) else str(value)
            for key, value in flatten(config)
            if value is not None
        }
        self._write_summary(hparams_pb(options))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write_text(self, name: str, text: str) -> None:
        from tensorboard.plugins.text.summary_v2 import text_pb

        self._write_summary(text_pb(name, text))

    def _write_summary(self, summary: Any) -> None:
        self._write(self._new_event(wall_time=time.time(), step=self._step, summary=summary))

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())
        self._file.flush()


@contextmanager
def start(
    config: Mapping[str, Any], folder: RunFolder, name: str, group: str | None = None
) -> Iterator[TensorBoardTracker]:
    """Write TensorBoard's events into ``FOLDER/tensorboard``.

    Args:
        config: Composed config as plain dicts and lists.
        folder: Folder of the run.
        name: Display name of the run; TensorBoard shows its folder.
        group: Name of the runs to show together; TensorBoard shows all below ``--logdir``.

    Yields:
        The tracker.

    Raises:
        UserError: TensorBoard is not installed.
    """
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise UserError(f"tracker=tensorboard needs TensorBoard: {install_hint('tensorboard')}.") from error
    tracker = TensorBoardTracker(folder.path / "tensorboard")
    try:
        tracker.hyperparameters(config)
        yield tracker
    finally:
        tracker.close()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value).replace("|", "\\|")
