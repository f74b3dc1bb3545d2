"""Progress of a training: a bar on a terminal and in a notebook, one plain line per epoch everywhere."""

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from tsforecast.formatting import duration
from tsforecast.tracking.epoch_meter import EpochMeter
from tsforecast.tracking.notebook_bar import NotebookBar, in_notebook

if TYPE_CHECKING:
    import keras

Logs = Mapping[str, float]

_REFRESH_SECONDS = 0.25
_BAR_WIDTH = 20


class TrainingProgress:
    """Show speed, loss, wait for input and remaining time of a training.

    Args:
        total_steps: Last step of the training, counted from its very start; None if only time ends it.
        start_step: Steps done before, for a resumed run.
        batch_size: Windows per step, accumulation included.
        input_wait: Returns the seconds spent waiting for input so far.
        deadline: Time on ``clock`` when ``max_minutes`` is over; None without such a budget.
        metric: Key of the validation figure to show.
        read_loss: Returns the current loss, called four times per second; None takes it from Keras' logs.
        console: Where to show it; standard output by default.
        clock: Returns seconds that never go back.

    Example:
        >>> progress = TrainingProgress(total_steps=10)
        >>> progress.begin_epoch(1)
        >>> progress.step_done(1)
        >>> progress.seconds_left() is None  # not known after one step
        True
    """

    def __init__(
        self,
        total_steps: int | None,
        start_step: int = 0,
        batch_size: int = 1,
        input_wait: Callable[[], float] = lambda: 0.0,
        deadline: float | None = None,
        metric: str = "val/rmse",
        read_loss: Callable[[], float] | None = None,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._total_steps = total_steps
        self._step = start_step
        self._batch_size = batch_size
        self._input_wait = input_wait
        self._deadline = deadline
        self._metric = metric
        self._read_loss = read_loss
        self._console = console or Console()
        self._clock = clock
        self._meter = EpochMeter(1, start_step, clock(), input_wait())
        self._first: tuple[float, int] | None = None  # time and step from which the time left is estimated
        self._figure: float | None = None
        self._drawn = -math.inf
        self._in_notebook = in_notebook()
        self._bar: _Bar | NotebookBar | None = None

    def begin_epoch(self, number: int) -> None:
        """Start epoch ``number``, from 1."""
        self._meter = EpochMeter(number, self._step, self._clock(), self._input_wait())

    def step_done(self, step: int, logs: Logs | None = None) -> None:
        """Record that ``step`` steps of the training are done, and draw the bar four times per second."""
        now = self._clock()
        self._step = step
        self._meter.record(step - self._meter.first_step, now, self._input_wait())
        self._first = self._first or (now, self._step)
        if (self._in_notebook or self._console.is_interactive) and now - self._drawn >= _REFRESH_SECONDS:
            self._drawn = now
            self._bar = self._bar or self._create_bar()
            self._bar.draw(self._meter.number, self._step, self._describe_step(self._current_loss(logs)))

    def end_epoch(self, logs: Logs | None = None) -> None:
        """Print the line of the epoch; ``logs`` may contain the loss and the validation figure."""
        figure = (logs or {}).get(self._metric)
        self._figure = float(figure) if figure is not None else self._figure
        line = _join(
            f"epoch {self._meter.number}",
            f"step {self._step:,}",
            *self._figures(self._current_loss(logs)),
            f"{_rate(self._meter.steps_per_second)} steps/s",
            f"input wait {_percent(self._meter.input_wait)}",
        )
        if self._console.is_terminal:
            self._console.print(line, soft_wrap=True, highlight=False, markup=False)
        else:  # a console would break the line at column 80
            print(line, file=self._console.file, flush=True)

    def epoch_stats(self) -> dict[str, float]:
        """Return ``steps_per_second``, ``windows_per_second`` and ``input_wait`` (share, 0 to 1) of this epoch."""
        rate = self._meter.steps_per_second
        return {
            "steps_per_second": rate,
            "windows_per_second": rate * self._batch_size,
            "input_wait": self._meter.input_wait,
        }

    def seconds_left(self) -> float | None:
        """Return the time to the last step at the speed so far, validations included, or to an earlier deadline."""
        now = self._clock()
        left = []
        if self._total_steps is not None and self._first is not None and self._step > self._first[1]:
            seconds_per_step = (now - self._first[0]) / (self._step - self._first[1])
            left.append(max(self._total_steps - self._step, 0) * seconds_per_step)
        if self._deadline is not None:
            left.append(max(self._deadline - now, 0.0))
        return min(left, default=None)

    def close(self) -> None:
        """Remove the bar and restore the terminal; safe to call twice."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _create_bar(self) -> "_Bar | NotebookBar":
        return NotebookBar(self._total_steps) if self._in_notebook else _Bar(self._console, self._total_steps)

    def _describe_step(self, loss: float | None) -> str:
        rate, left = self._meter.steps_per_second, self.seconds_left()
        return _join(
            f"{_rate(rate)} steps/s",
            f"{_rate(rate * self._batch_size)} windows/s",
            *self._figures(loss),
            f"input wait {_percent(self._meter.input_wait)}",
            f"{duration(round(left))} left" if left is not None else "",
        )

    def _figures(self, loss: float | None) -> list[str]:
        figures = {"loss": loss, self._metric: self._figure}
        return [f"{name} {value:.4f}" for name, value in figures.items() if value is not None]

    def _current_loss(self, logs: Logs | None) -> float | None:
        loss = self._read_loss() if self._read_loss else (logs or {}).get("loss")
        return None if loss is None else float(loss)


class _Bar:
    """The progress bar on a terminal, drawn only when asked to: nothing flickers between two steps."""

    def __init__(self, console: Console, total: int | None):
        count = "{task.completed:,}/{task.total:,}" if total else "step {task.completed:,}"
        columns: list[ProgressColumn] = [TextColumn(f"epoch {{task.fields[epoch]}}  {count}")]
        if total:
            columns.append(BarColumn(_BAR_WIDTH))
        self._progress = Progress(
            *columns, _FiguresColumn(), console=console, auto_refresh=False, transient=True
        )
        self._task: TaskID = self._progress.add_task("", total=total, epoch=1, figures="")
        self._progress.start()

    def draw(self, epoch: int, step: int, figures: str) -> None:
        self._progress.update(self._task, completed=step, epoch=epoch, figures=figures, refresh=True)

    def close(self) -> None:
        self._progress.stop()


class _FiguresColumn(ProgressColumn):
    """Figures of the current step, cut where the terminal ends."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["figures"], no_wrap=True, overflow="ellipsis")


def progress_callback(
    total_steps: int | None, *, accumulate: int = 1, start_step: int = 0, **arguments: Any
) -> "keras.callbacks.Callback":
    """Return a Keras callback that drives a `TrainingProgress`.

    Use it as a context manager around ``fit``, which restores the terminal when a training is interrupted. Callbacks
    after it in the list may read its ``epoch_stats()``; validation goes before it. Keras turns the logs of
    ``train_step`` into floats at every step, which on a GPU waits for it: to avoid that, let ``train_step`` return an
    empty dict and pass ``read_loss``.

    Args:
        total_steps: Last step of the training; None if only time ends it.
        accumulate: Batches (Keras' steps) per step of the optimizer.
        start_step: Steps done before, for a resumed run.
        arguments: Other arguments of `TrainingProgress`.
    """
    import keras  # takes seconds, and what only measures or shows does not need it

    class ProgressCallback(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.progress = TrainingProgress(total_steps, start_step, **arguments)
            self.batches = self.first_batch = start_step * accumulate

        def __enter__(self) -> "ProgressCallback":
            return self

        def __exit__(self, *failure: object) -> None:
            self.progress.close()

        def epoch_stats(self) -> dict[str, float]:
            return self.progress.epoch_stats()

        def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.first_batch = self.batches
            self.progress.begin_epoch(epoch + 1)

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            # An epoch need not contain whole steps: the next one may finish a step that it began.
            self.batches = self.first_batch + batch + 1
            self.progress.step_done(self.batches // accumulate, logs)

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.progress.end_epoch(logs)

        def on_train_end(self, logs: dict[str, float] | None = None) -> None:
            self.progress.close()

    return ProgressCallback()


def _join(*parts: str) -> str:
    return "  ".join(part for part in parts if part)


def _rate(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"
