"""Part ``overhead``: the time of a run beyond its compiled steps, and the time to the first step."""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

from benchmarks.turns import ROOT, summary
from tsforecast.config import instantiate

RUN = ("tracker=none", "hydra.run.dir={folder}")
FIRST = "first step done"  # message of a run, see training.callbacks
EPOCH = 100  # steps per epoch


def measure(options, peers):
    """Yield name and result of both parts."""
    print("overhead: seconds to the first step", flush=True)
    starts = {"warm": [], "cold": []}
    to_first_step()  # warms up the caches
    for _ in range(max(2, options.rounds // 2)):
        starts["warm"].append(to_first_step())
        starts["cold"].append(to_first_step(cold=True))
    yield "start", {name: summary(seconds) for name, seconds in starts.items()}
    print("overhead: a run compared with the step alone", flush=True)
    for model in options.models:
        yield f"overhead_{model}", {"model": model, **compare_with_bare_step(model, options.rounds)}


def to_first_step(cold=False):
    """Return the seconds from the start of ``python run.py`` with its defaults to the end of its first step.

    Args:
        cold: As after a restart and a new installation: no package file is in the file cache, and no Python module is
            compiled.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ)
        if cold:
            environment["PYTHONPYCACHEPREFIX"] = str(Path(folder, "compiled"))
            forget_files(Path(sysconfig.get_path("purelib")))
        command = [sys.executable, "run.py", *(word.format(folder=Path(folder, "run")) for word in RUN)]
        began = time.perf_counter()
        run = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        printed = []
        for line in run.stdout:
            printed.append(line)
            if line.startswith(FIRST):
                seconds = time.perf_counter() - began
                run.kill()
                run.communicate()
                return seconds
    raise SystemExit(f"{' '.join(command)} ended before its first step:\n{''.join(printed[-5:])}")


def forget_files(folder):
    """Drop the files of a folder from the file cache, if the system supports it."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def compare_with_bare_step(model, rounds):
    """Return seconds per step of a whole run and of the compiled step alone, in alternating epochs of one process."""
    command = [sys.executable, "-m", "benchmarks.overhead", model, str(rounds)]
    printed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(printed.strip().splitlines()[-1])


def in_a_run(model, rounds):
    """The training of ``job=train`` as it is, with looks around each epoch and the bare steps between the epochs."""
    from tsforecast.jobs import build, build_model, build_training
    from tsforecast.tracking.run_folder import RunFolder
    from tsforecast.training import train as fitting

    epochs, fit = Epochs(), fitting.fit
    fitting.fit = lambda trainer, stream, *rest: fit(
        trainer, stream, *rest[:-1], epochs.around(trainer, stream, rest[-1])
    )
    config = composed(
        f"model={model}",
        "tracker=none",
        "training.validation_windows=32",  # validation is not measured
        f"training.max_steps={EPOCH * (rounds + 1)}",
        f"training.steps_per_epoch={EPOCH}",
    )
    dataset = build.build_data(config)
    build.set_up_runtime(config)
    forecaster = build_model.forecaster(config, dataset)
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        run = RunFolder.create(Path(folder, "run"))
        with instantiate(config.tracker, config={}, folder=run, name="bench") as tracked:
            build_training.train(config, dataset, forecaster, instantiate(config.loss), run, tracked)
    pairs = list(zip(epochs.run, epochs.bare, strict=True))[1:]  # the first epoch compiles
    run, bare = zip(*pairs, strict=True)
    ratio = summary([run_seconds / bare_seconds for run_seconds, bare_seconds in pairs])
    return {"steps": EPOCH, "run": summary(run), "bare": summary(bare), "ratio": ratio}


def composed(*overrides):
    """Return the checked config of a command line."""
    from hydra import compose, initialize_config_dir

    from tsforecast.config import check

    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return check(compose("config", overrides=["hydra.run.dir=.", *overrides]))


class Epochs:
    """Seconds per step of each epoch of a run, without validation, and of as many steps alone after it."""

    def __init__(self):
        self.run, self.bare = [], []

    def around(self, trainer, stream, callbacks):
        """The callbacks of a run (pace, validation, then those that show, record and keep) with looks among them."""
        import keras

        batch = next(iter(stream(0)))

        def step(batch):  # the same function that the run calls
            return trainer.train_function(iter([batch]))

        pace, validate, *others = callbacks
        mark = {}

        def begin(epoch, logs):
            mark["begin"] = time.perf_counter()

        def loop_done(epoch, logs):
            mark["loop"] = time.perf_counter() - mark["begin"]

        def validated(epoch, logs):
            mark["validated"] = time.perf_counter()

        def done(epoch, logs):
            tail = time.perf_counter() - mark["validated"]
            self.run.append((mark["loop"] + tail) / EPOCH)
            self.bare.append(bare_seconds(step, batch))

        look = keras.callbacks.LambdaCallback
        first = look(on_epoch_begin=begin, on_epoch_end=loop_done)
        return [first, pace, validate, look(on_epoch_end=validated), *others, look(on_epoch_end=done)]


def bare_seconds(step, batch):
    """Return the seconds of a compiled step alone, averaged over an epoch on one batch."""
    step(batch)
    began = time.perf_counter()
    for _ in range(EPOCH):
        result = step(batch)
    float(result["loss"])
    return (time.perf_counter() - began) / EPOCH


if __name__ == "__main__":
    print(json.dumps(in_a_run(sys.argv[1], int(sys.argv[2]))))
