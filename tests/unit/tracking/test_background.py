import threading
import time
from contextlib import contextmanager

import pytest

from tsforecast.errors import UserError
from tsforecast.tracking import background
from tsforecast.tracking.background import Limits, start_trackers
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.protocol import Tracker

QUICK = Limits(start=0.2, call=0.3, finish=2.0)


class Recorder(NullTracker):
    def __init__(self):
        self.steps, self.ended, self.threads = [], None, set()

    def log(self, row, step):
        self.threads.add(threading.current_thread().name)
        self.steps.append(step)


def starter(tracker, before=lambda: None, after=lambda: None):
    @contextmanager
    def start():
        before()
        try:
            yield tracker
        except BaseException as error:
            tracker.ended = error
            raise
        tracker.ended = "finished"
        after()

    return start


def test_every_tracker_gets_everything_in_order_from_a_thread_of_its_own():
    first, second = Recorder(), Recorder()
    with start_trackers({"first": starter(first), "second": starter(second)}) as tracker:
        assert isinstance(tracker, Tracker)
        for step in range(5):
            tracker.log({"loss": 1.0}, step=step)
    assert first.steps == second.steps == [0, 1, 2, 3, 4]
    assert first.threads == {"tracker first"}
    assert first.ended == second.ended == "finished"


@pytest.mark.parametrize("failure", [KeyError("boom"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_the_end_of_the_run_reaches_the_tracker(failure, capsys):
    recorder = Recorder()

    def run():
        with start_trackers({"one": starter(recorder)}):
            raise failure

    with pytest.raises(type(failure)):
        run()
    assert type(recorder.ended) is type(failure)
    assert recorder.ended.args == failure.args
    assert recorder.ended is not failure  # its traceback is the run's own
    assert capsys.readouterr().out == ""


def test_a_failure_is_printed_once_and_the_rest_is_sent(capsys):
    class Failing(Recorder):
        def log(self, row, step):
            super().log(row, step)
            if step in (1, 3):
                raise OSError(28, "No space left on device")

    failing, sound = Failing(), Recorder()
    with start_trackers({"failing": starter(failing), "sound": starter(sound)}) as tracker:
        for step in range(5):
            tracker.log({}, step=step)
    assert failing.steps == sound.steps == [0, 1, 2, 3, 4]
    expected = (
        "The tracker failing did not take a report ([Errno 28] No space left on device); the run continues.\n"
    )
    assert capsys.readouterr().out == expected


def test_one_that_fails_again_and_again_is_left_alone(capsys):
    class Broken(Recorder):
        def log(self, row, step):
            super().log(row, step)
            raise ConnectionError("refused")

    broken = Broken()
    with start_trackers({"broken": starter(broken)}) as tracker:
        for step in range(9):
            tracker.log({}, step=step)
    assert broken.steps == list(range(background.MAX_FAILURES))
    assert "failed 3 times in a row; nothing more is sent to it" in capsys.readouterr().out


def test_a_stall_delays_nothing_and_loses_nothing():
    recorder, gate = Recorder(), threading.Event()
    began = time.monotonic()
    with start_trackers({"slow": starter(recorder, gate.wait)}, Limits(start=0.05, call=5.0)) as tracker:
        for step in range(100):
            tracker.log({}, step=step)
        spent = time.monotonic() - began
        assert recorder.steps == []
        gate.set()
    assert recorder.steps == list(range(100))
    assert spent < 1.0


@pytest.mark.parametrize("where", ["start", "call", "end"])
def test_one_that_hangs_is_left_behind(where, capsys):
    forever = threading.Event()

    class Hanging(Recorder):
        def log(self, row, step):
            super().log(row, step)
            if where == "call":
                forever.wait()

    hanging, sound = Hanging(), Recorder()
    waits = {"start": (forever.wait,), "end": (lambda: None, forever.wait)}.get(where, ())
    began = time.monotonic()
    with start_trackers({"hanging": starter(hanging, *waits), "sound": starter(sound)}, QUICK) as tracker:
        tracker.log({}, step=1)
        time.sleep(0.4)
        tracker.log({}, step=2)
    assert sound.steps == [1, 2]
    assert time.monotonic() - began < 1.5
    assert "The tracker hanging does not answer; the run continues without it." in capsys.readouterr().out
    forever.set()


def test_a_tracker_that_refuses_its_options_stops_the_run_before_it_begins():
    recorder = Recorder()

    def refuse():
        raise UserError("tracker.mode is 'ofline'.")

    with (
        pytest.raises(UserError, match="ofline"),
        start_trackers({"sound": starter(recorder), "wrong": starter(Recorder(), refuse)}),
    ):
        pytest.fail("the run has begun")
    assert isinstance(recorder.ended, UserError)
