import json
import os
import signal

import pytest

from tsforecast.sweeps.processes import Worker
from tsforecast.sweeps.progress import SweepProgress
from tsforecast.sweeps.runner import NewRows, Runner, Stop, prepare
from tsforecast.sweeps.study import Job, Study

# Stands for run.py: does what its first argument says, in the folder that the last one names.
RUN = """
import json, os, signal, sys, time
folder = sys.argv[-1].partition("=")[2].strip("'")
what = sys.argv[1]
print("started", what)
if what == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if what == "refuse":
    sys.stderr.write("This cannot be.\\n")
    sys.exit(2)
if what == "break":
    raise RuntimeError("broken")
if what == "pid":
    json.dump({"status": "done", "metrics": {"pid": os.getpid()}}, open(folder + "/result.json", "w"))
if what == "epochs":
    def leave(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, leave)
    with open(folder + "/metrics.jsonl", "a") as file:
        for step in range(400):
            file.write(json.dumps({"step": step, "val/rmse": 1.0}) + "\\n")
            file.flush()
            time.sleep(0.05)
"""


def job(what, number=0):
    return Job(number, {"what": what}, [what], {"training": {"max_steps": 400}})


@pytest.fixture
def sweep(tmp_path):
    """A function that runs jobs in one worker and returns their outcomes."""
    run_file = tmp_path / "run.py"
    run_file.write_text(RUN)

    def run(*whats, shared=True, **options):
        study = Study(tmp_path / "sweep")
        with (
            study.lock() as lock,
            SweepProgress(len(whats)) as progress,
            Worker(run_file, lock, shared) as worker,
        ):
            runner = Runner(worker, progress, Stop())
            jobs = [job(what, number) for number, what in enumerate(whats)]
            return [runner.run(one, study.folder / one.folder_name, **options) for one in jobs]

    return run


def test_no_failure_stops_the_rest(sweep, capfd):
    outcomes = sweep("die", "refuse", "break", "pid")
    assert [one.status for one in outcomes] == ["failed", "failed", "failed", "done"]
    errors = [one.error for one in outcomes]
    assert errors[1:] == ["This cannot be.", "RuntimeError: broken", ""]
    assert "signal 9" in errors[0]
    shown = capfd.readouterr().out.splitlines()
    assert [line[:5] for line in shown] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]


def test_jobs_share_a_process_or_have_their_own(sweep):
    together = {one.figures["pid"] for one in sweep("pid", "pid")}
    apart = {one.figures["pid"] for one in sweep("pid", "pid", shared=False)}
    assert (len(together), len(apart)) == (1, 2)


def test_a_watch_ends_a_job_at_the_epoch_it_likes(sweep):
    seen = []

    def watch(row):
        seen.append(row["step"])
        return "enough" if row["step"] == 3 else None

    (outcome,) = sweep("epochs", watch=watch)
    assert (outcome.status, outcome.error) == ("pruned", "enough")
    assert seen[:4] == [0, 1, 2, 3]
    assert len(seen) < 400


def test_what_a_job_prints_is_in_its_log(sweep, tmp_path):
    sweep("refuse")
    assert (tmp_path / "sweep/00_what-refuse/log.txt").read_text() == "started refuse\nThis cannot be.\n"


def test_ctrl_c_asks_first_for_the_end_of_the_job_and_then_for_now():
    said, before = [], signal.getsignal(signal.SIGINT)
    with Stop().on_signals(said.append) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert (stop.soon, stop.now) == (True, False)
        os.kill(os.getpid(), signal.SIGINT)
        assert (stop.soon, stop.now) == (True, True)
    assert len(said) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_a_killed_job_has_failed_and_goes_on_from_its_checkpoint(sweep, tmp_path):
    (outcome,) = sweep("die")
    assert (outcome.status, outcome.killed) == ("failed", True)
    folder = tmp_path / "sweep/00_what-die"
    for name in ("config.yaml", "last.npz"):
        (folder / name).write_text("")
    assert prepare(job("die"), folder)[0] == f"resume='{folder}'"


@pytest.mark.parametrize(
    ("status", "files", "goes_on"),
    [
        (None, [], False),
        (None, ["config.yaml"], False),
        (None, ["config.yaml", "last.npz"], True),
        ("interrupted", ["config.yaml", "last.npz"], True),
        ("failed", ["config.yaml", "last.npz"], False),
        ("pruned", ["config.yaml", "last.npz"], False),
    ],
)
def test_a_job_goes_on_only_from_where_it_was_cut_off(tmp_path, status, files, goes_on):
    for name in files:
        (tmp_path / name).write_text("")
    if status:
        (tmp_path / "result.json").write_text(json.dumps({"status": status}))
    arguments = prepare(job("x"), tmp_path)
    assert arguments[0] == (f"resume='{tmp_path}'" if goes_on else "x")
    assert (tmp_path / "last.npz").exists() == goes_on
    assert not (tmp_path / "result.json").exists()


def test_a_job_runs_the_config_that_was_checked_even_when_conf_changed_since(tmp_path):
    frozen = Job(0, {}, ["model=gru"], {}, "model: as it was\n")
    assert prepare(frozen, tmp_path) == [f"resume='{tmp_path}'", "hydra.mode=RUN"]
    assert (tmp_path / "config.yaml").read_text() == "model: as it was\n"


def test_new_rows_are_each_read_once_and_never_half(tmp_path):
    rows, file = NewRows(tmp_path), tmp_path / "metrics.jsonl"
    assert rows() == []
    file.write_text('{"step": 1}\n{"st')
    assert rows() == [{"step": 1}]
    with file.open("a") as more:
        more.write('ep": 2}\n')
    assert rows() == [{"step": 2}]
    assert rows() == []
    file.write_text('{"step": 1}\n')  # a resumed job dropped a row
    assert rows() == [{"step": 1}]
