"""Live progress of a training: one line that moves on a terminal, one plain line an epoch anywhere."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tsforecast.formatting import duration

_REFRESH_SECONDS = 0.25
_BAR_WIDTH = 20


class EpochMeter:
    """Measures one epoch: steps, rate and the share of time spent waiting for input.

    Args:
        number: the epoch, 1 is the first.
        step: steps done before it.
        now: seconds on the progress clock.
        waited: seconds spent waiting for input before it.
    """

    def __init__(self, number: int, step: int, now: float, waited: float):
        self.number = number
        self.first_step = step
        self.steps = 0
        self._begin, self._end, self._begin_waited, self._waited = now, now, waited, waited
        self._warm: tuple[float, int] | None = None  # time and steps after the first call, which may compile

    def step_done(self, steps: int, now: float, waited: float) -> None:
        """Notes that ``steps`` steps of this epoch are done."""
        self.steps, self._end, self._waited = steps, now, waited
        if self._warm is None:
            self._warm = (now, steps)

    def steps_per_second(self) -> float:
        """The rate without the first step, unless it is the only one; NaN before any."""
        begin, before = self._warm if self._warm and self.steps > self._warm[1] else (self._begin, 0)
        return (self.steps - before) / (self._end - begin) if self._end > begin else math.nan

    def input_wait(self) -> float:
        """Share, 0 to 1, of the time from the epoch's begin to its last step's end; NaN before any step."""
        span = self._end - self._begin
        return (self._waited - self._begin_waited) / span if span > 0 else math.nan


class ProgressLine:
    """Shows a training's rate, loss, input wait and time left.

    Args:
        total_steps: the training's last step, counted from its very beginning; None where only time ends it.
        start_step: the steps done before, where a run is resumed.
        batch_size: windows a step, accumulation included.
        input_wait: returns the seconds spent waiting for input so far, cumulative.
        deadline: when ``max_minutes`` is spent, in seconds of ``clock``; None without such a budget.
        metric: the key of the validation figure to show.
        read_loss: returns the current loss, asked four times a second; None takes it from Keras' logs.
        console: where to show; by default standard output.
        clock: returns seconds that never go back.
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
        self._pace: tuple[float, int] | None = None  # time and step from which the time left is reckoned
        self._figure: float | None = None
        self._drawn = -math.inf
        self._live: Live | None = None

    def begin_epoch(self, number: int) -> None:
        """Starts epoch ``number`` (1 is the first)."""
        self._meter = EpochMeter(number, self._step, self._clock(), self._input_wait())

    def step_done(self, step: int, logs: Mapping[str, Any] | None = None) -> None:
        """Notes that ``step`` steps of the training are done; draws where the last drawing is old enough."""
        now = self._clock()
        self._step = step
        self._meter.step_done(step - self._meter.first_step, now, self._input_wait())
        self._pace = self._pace or (now, self._step)
        if self._console.is_terminal and now - self._drawn >= _REFRESH_SECONDS:
            self._drawn = now
            self._draw(self._live_line(self._loss(logs)))

    def end_epoch(self, logs: Mapping[str, Any] | None = None) -> None:
        """Prints the epoch's line, which stays; ``logs`` may hold the loss and the validation figure."""
        figure = (logs or {}).get(self._metric)
        self._figure = float(figure) if figure is not None else self._figure
        meter = self._meter
        line = _joined(
            f"epoch {meter.number}",
            f"step {self._step:,}",
            *self._figures(self._loss(logs)),
            f"{_number(meter.steps_per_second())} steps/s",
            f"input wait {_percent(meter.input_wait())}",
        )
        if self._console.is_terminal:
            self._console.print(line, soft_wrap=True, highlight=False, markup=False)
        else:  # a console would break the line at column 80
            print(line, file=self._console.file, flush=True)

    def epoch_stats(self) -> dict[str, float]:
        """This epoch's ``steps_per_second``, ``windows_per_second`` and ``input_wait`` (share, 0 to 1)."""
        rate = self._meter.steps_per_second()
        return {
            "steps_per_second": rate,
            "windows_per_second": rate * self._batch_size,
            "input_wait": self._meter.input_wait(),
        }

    def seconds_left(self) -> float | None:
        """Until the last step, at the rate so far with validations, or the deadline, whichever is first."""
        now = self._clock()
        left = []
        if self._total_steps is not None and self._pace is not None and self._step > self._pace[1]:
            seconds_per_step = (now - self._pace[0]) / (self._step - self._pace[1])
            left.append(max(self._total_steps - self._step, 0) * seconds_per_step)
        if self._deadline is not None:
            left.append(max(self._deadline - now, 0.0))
        return min(left, default=None)

    def close(self) -> None:
        """Takes the live line away and gives the terminal back; safe to call twice."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _live_line(self, loss: float | None) -> str:
        meter, total, left = self._meter, self._total_steps, self.seconds_left()
        rate = meter.steps_per_second()
        return _joined(
            f"epoch {meter.number}",
            f"{self._step:,}/{total:,} {_bar(self._step / max(total, 1))}"
            if total
            else f"step {self._step:,}",
            f"{_number(rate)} steps/s",
            f"{_number(rate * self._batch_size)} windows/s",
            *self._figures(loss),
            f"input wait {_percent(meter.input_wait())}",
            f"{duration(round(left))} left" if left is not None else "",
        )

    def _figures(self, loss: float | None) -> list[str]:
        figures = {"loss": loss, self._metric: self._figure}
        return [f"{name} {value:.4f}" for name, value in figures.items() if value is not None]

    def _loss(self, logs: Mapping[str, Any] | None) -> float | None:
        loss = self._read_loss() if self._read_loss else (logs or {}).get("loss")
        return None if loss is None else float(loss)

    def _draw(self, line: str) -> None:
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)


def progress_callback(total_steps: int | None, *, accumulate: int = 1, **arguments: Any) -> Any:
    """A Keras callback that drives a ``ProgressLine``.

    Use it as a context manager around ``fit``, so that an interrupted training leaves the terminal in order.
    Callbacks after it in the list may read its ``epoch_stats()``; validation goes before it. Keras turns the
    logs of ``train_step`` into floats at every step, which on a GPU waits for it: to avoid that, let
    ``train_step`` return an empty dict and pass ``read_loss``.

    Args:
        total_steps: as for ``ProgressLine``.
        accumulate: batches (Keras' steps) that make one step of the optimizer.
        arguments: the other arguments of ``ProgressLine``.

    Returns:
        A ``keras.callbacks.Callback``.
    """
    import keras  # takes seconds, and what only measures or shows does not need it

    class ProgressCallback(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.line = ProgressLine(total_steps, **arguments)

            self.batches = self.begun_at = arguments.get("start_step", 0) * accumulate

        def __enter__(self) -> "ProgressCallback":
            return self

        def __exit__(self, *failure: object) -> None:
            self.line.close()

        def epoch_stats(self) -> dict[str, float]:
            return self.line.epoch_stats()

        def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            self.begun_at = self.batches
            self.line.begin_epoch(epoch + 1)

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            # An epoch need not hold whole steps: what it began may be finished by the next one.
            self.batches = self.begun_at + batch + 1
            self.line.step_done(self.batches // accumulate, logs)

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            self.line.end_epoch(logs)

        def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
            self.line.close()

    return ProgressCallback()


def _joined(*parts: str) -> str:
    return "  ".join(part for part in parts if part)


def _bar(share: float) -> str:
    full = round(_BAR_WIDTH * min(max(share, 0.0), 1.0))
    return "━" * full + "─" * (_BAR_WIDTH - full)


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"
