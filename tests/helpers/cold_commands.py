"""Command lines of ``run.py``, each in a fresh process without TensorFlow, faster than a new interpreter.

One helper process imports Hydra and the config package once. Each command runs in a fork of it: its own ``sys.argv``,
working directory, files for standard output and error, and exit code. An import of a backend or of W&B fails at once,
and is recorded: a mistake must be reported before it, and a command that is accepted must not start to train.
"""

import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

RUN = Path(__file__).parents[2] / "run.py"
SECONDS = 120
HEAVY = ("tensorflow", "keras", "jax", "torch", "wandb")


@dataclass(frozen=True)
class Done:
    """What a command did; ``imported`` names the heavy packages that it tried to load."""

    code: int
    out: str
    err: str
    imported: list[str]


class ColdCommands:
    """The helper process; use it as a context manager."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *failure):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def __call__(self, *argv, cwd):
        self.process.stdin.write(json.dumps([str(cwd), *argv]) + "\n")
        self.process.stdin.flush()
        return Done(**json.loads(self.process.stdout.readline()))


class Gate:
    """Finds no heavy package, and remembers who was asked for."""

    asked: list[str] = []

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in HEAVY:
            cls.asked.append(name)
            raise ModuleNotFoundError(f"{name} is kept out of this test")


def serve():
    sys.path.insert(0, str(RUN.parent))  # as `python run.py` does
    import tsforecast.config  # noqa: F401
    from tsforecast import leaving

    leaving.keep_process()
    for line in sys.stdin:
        cwd, *argv = json.loads(line)
        with tempfile.TemporaryDirectory() as scratch:
            files = {name: Path(scratch) / name for name in ("out", "err", "imported")}
            child = os.fork()
            if child == 0:
                run_command(cwd, argv, files)
            _, status = os.waitpid(child, 0)
            texts = {name: path.read_text() if path.exists() else "" for name, path in files.items()}
        done = {"code": os.waitstatus_to_exitcode(status), "out": texts["out"], "err": texts["err"]}
        print(json.dumps({**done, "imported": texts["imported"].split()}), flush=True)


def run_command(cwd, argv, files):
    """Runs in the fork, and never returns."""
    code = 1
    try:
        signal.alarm(SECONDS)  # ends a command that hangs, and so fails its test
        sys.meta_path.insert(0, Gate)
        os.chdir(cwd)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(files[name], os.O_WRONLY | os.O_CREAT), number)
        sys.argv = [str(RUN), *argv]
        runpy.run_path(str(RUN), run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        files["imported"].write_text(" ".join(Gate.asked))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
