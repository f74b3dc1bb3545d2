import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.helpers.hidden_modules import ROOT
from tsforecast.api.session import prepare_command, quiet


def test_importing_the_package_loads_nothing_slow():
    code = "import sys, tsforecast; print([m for m in ('hydra', 'numpy', 'keras', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_public_name_is_there():
    import tsforecast

    for name in (*tsforecast.__all__, "ensemble"):
        assert name in dir(tsforecast)
        assert callable(getattr(tsforecast, name)), name
    assert not hasattr(tsforecast, "nothing")


def test_what_is_printed_is_hidden_on_demand(capsys):
    with quiet():
        print("hidden")
    with quiet(False):
        print("shown")
    assert capsys.readouterr().out == "shown\n"


def test_threads_leave_the_output_and_hydra_as_they_were():
    output = sys.stdout
    barrier = threading.Barrier(4)

    def call(number):
        barrier.wait()
        with quiet():
            return prepare_command(["model=gru", f"seed={number}"]).seed

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(call, range(4))) == [0, 1, 2, 3]
    assert sys.stdout is output


def test_the_environment_is_put_back(tmp_path):
    before = dict(os.environ)
    prepare_command(["model=gru"], tmp_path)
    assert dict(os.environ) == before
