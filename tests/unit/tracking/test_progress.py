import io
import re

import numpy as np
import pytest
from rich.console import Console

from tsforecast.tracking.progress import TrainingProgress, progress_callback


class Clock:
    """Time and input wait, moved by hand."""

    def __init__(self):
        self.now = 100.0
        self.waited = 5.0

    def __call__(self):
        return self.now

    def run(self, progress, steps, seconds, wait=0.0, logs=None):
        """Takes the progress to the steps of the range ``steps``, each in ``seconds``."""
        for step in steps:
            self.now += seconds
            self.waited += wait
            progress.step_done(step, logs)


@pytest.fixture
def clock():
    return Clock()


def make(clock, terminal=False, **arguments):
    arguments.setdefault("total_steps", 40)
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=200)
    progress = TrainingProgress(
        console=console, clock=clock, input_wait=lambda: clock.waited, batch_size=32, **arguments
    )
    return progress, output


def test_plain_output_is_one_line_an_epoch(clock):
    progress, output = make(clock)
    for epoch in (1, 2):
        progress.begin_epoch(epoch)
        clock.run(progress, range(10 * epoch - 9, 10 * epoch + 1), 0.5, wait=0.01, logs={"loss": 9.0})
        progress.end_epoch({"loss": 0.25, "val/rmse": 0.5 / epoch})
    assert output.getvalue() == (
        "epoch 1  step 10  loss 0.2500  val/rmse 0.5000  2.0 steps/s  input wait 2.0 %\n"
        "epoch 2  step 20  loss 0.2500  val/rmse 0.2500  2.0 steps/s  input wait 2.0 %\n"
    )


def test_the_rate_leaves_out_the_first_step_and_the_validation(clock):
    progress, _ = make(clock)
    progress.begin_epoch(1)
    clock.run(progress, [1], 8.0, wait=0.6)  # compiles
    clock.run(progress, range(2, 10), 0.25)
    clock.now += 30.0  # validation, during which input is waited for as well
    clock.waited += 3.0
    stats = progress.epoch_stats()
    assert stats["steps_per_second"] == pytest.approx(4.0)
    assert stats["windows_per_second"] == pytest.approx(128.0)
    assert stats["input_wait"] == pytest.approx(0.6 / 10.0)


def test_an_epoch_of_one_step_has_a_rate(clock):
    progress, _ = make(clock)
    progress.begin_epoch(1)
    clock.run(progress, [1], 2.0)
    assert progress.epoch_stats()["steps_per_second"] == pytest.approx(0.5)


def test_an_epoch_without_a_step_is_shown_without_figures(clock):
    progress, output = make(clock)
    progress.begin_epoch(1)
    progress.end_epoch({})
    assert output.getvalue() == "epoch 1  step 0  - steps/s  input wait -\n"


def test_time_left_is_by_steps_or_by_deadline_whichever_is_first(clock):
    progress, _ = make(clock)
    assert progress.seconds_left() is None
    progress.begin_epoch(1)
    clock.run(progress, range(1, 11), 1.0)
    assert progress.seconds_left() == pytest.approx(30.0)
    early, _ = make(clock, deadline=clock.now + 17.0)
    early.begin_epoch(1)
    clock.run(early, range(1, 11), 1.0)
    assert early.seconds_left() == pytest.approx(7.0)
    endless, _ = make(clock, total_steps=None, deadline=clock.now + 60.0)
    assert endless.seconds_left() == pytest.approx(60.0)


def test_a_resumed_training_counts_on(clock):
    progress, output = make(clock, start_step=20)
    progress.begin_epoch(3)
    clock.run(progress, range(21, 31), 1.0)
    assert progress.seconds_left() == pytest.approx(10.0)
    progress.end_epoch({"loss": 1.0})
    assert output.getvalue().startswith("epoch 3  step 30  ")


def test_a_terminal_is_drawn_and_the_loss_read_at_most_four_times_a_second(clock):
    reads = []
    progress, output = make(
        clock, terminal=True, total_steps=1000, read_loss=lambda: reads.append(1) or 0.125
    )
    progress.begin_epoch(1)
    clock.run(progress, range(1, 301), 1 / 128)  # 2.3 seconds
    assert 8 <= len(reads) <= 10
    progress.close()
    progress.close()
    shown = output.getvalue()
    assert shown.count("steps/s") <= len(reads) + 1  # rich draws once more when it stops
    assert "loss 0.1250" in shown
    assert "/1,000 ━━━━━" in re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "4,096 windows/s" in shown
    assert "left" in shown
    assert shown.rstrip().endswith("\x1b[2K")  # the line is gone
    assert "\x1b[?25h" in shown  # the cursor is back


def test_a_narrow_terminal_cuts_the_line_instead_of_wrapping_it(clock):
    console = Console(file=io.StringIO(), force_terminal=True, width=60)
    progress = TrainingProgress(1000, console=console, clock=clock, batch_size=32)
    progress.begin_epoch(1)
    clock.run(progress, [1, 2], 1.0, logs={"loss": 1.0})
    progress.close()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())
    assert "epoch 1  2/1,000 ━" in shown
    assert "…" in shown
    assert max(map(len, re.split(r"[\r\n]+", shown))) <= 60


def test_a_training_that_only_time_ends_has_no_bar(clock):
    progress, output = make(clock, terminal=True, total_steps=None, deadline=clock.now + 90)
    progress.begin_epoch(2)
    clock.run(progress, [1, 2], 1.0)
    progress.close()
    shown = output.getvalue()
    assert "epoch 2  step 2" in shown
    assert "━" not in shown
    assert "1 min 28 s left" in shown


def test_the_callback_follows_fit():
    import keras

    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="zeros", use_bias=False)])
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse")
    x = np.ones((6, 2), "float32")
    console = Console(file=io.StringIO(), force_terminal=False)
    with progress_callback(3, accumulate=2, console=console, batch_size=4) as callback:
        model.fit(x, x[:, :1], batch_size=2, epochs=2, verbose=0, callbacks=[callback])
        assert callback.epoch_stats()["windows_per_second"] > 0
    lines = [line.split("  ")[:3] for line in console.file.getvalue().splitlines()]
    # Three batches an epoch, two a step: the first epoch's last batch belongs to the second step.
    assert lines == [["epoch 1", "step 1", "loss 1.0000"], ["epoch 2", "step 3", "loss 1.0000"]]


def test_the_callback_gives_the_terminal_back_when_training_is_interrupted():
    console = Console(file=io.StringIO(), force_terminal=True, width=200)

    def interrupted():
        with progress_callback(6, console=console) as callback:
            callback.on_epoch_begin(0)
            callback.on_train_batch_end(0, {"loss": 1.0})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "\x1b[?25h" in console.file.getvalue()
