import os
import subprocess
import sys
from pathlib import Path

import pytest

from tsforecast.completion import candidates
from tsforecast.config.hydra_errors import _all_keys
from tsforecast.config.schema import jobs_with

ROOT = Path(__file__).parents[2]


def after(words):
    return candidates(f"python run.py {words}")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("model=patchtst_", ["model=patchtst_small"]),
        ("-m model=lstm,gr", ["model=lstm,gru"]),
        ("optimizer.lea", ["optimizer.learning_rate="]),
        ("mode", ["model.", "model=", "model_table="]),
        ("data.split.te", ["data.split.test="]),
        ("model=patchtst_small model.hea", ["model.heads="]),  # a key of the choice that it is built on
        ("model=gru,lstm model.uni", ["model.units="]),
        ("experiment=patchtst model.patch_l", ["model.patch_len="]),
        ("training.batch_size=", ["training.batch_size=32"]),
        ("job=plan verify=", ["verify=false", "verify=true"]),
        ("job=plan +verif", ["+verify="]),
        ("verif", []),
        ("job=serve serve.po", ["serve.poll_seconds=", "serve.port="]),
        ("serve.po", []),
        ("job=promote registry.wh", ["registry.why="]),
        ("model=ensemble ensemble.gat", ["ensemble.gate_units="]),
        ("experiment=daily_retraining retrain.replay", ["retrain.replay_days="]),
        ("nothing=x", []),
        ("model.nothing.x", []),
        ("hydra.swee", None),
    ],
)
def test_tab_offers(words, found):
    assert after(words) == found


def test_a_path_is_completed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs/run_a").mkdir(parents=True)
    (tmp_path / "outputs/run_b.csv").touch()
    assert after("run=outputs/ru") == ["run=outputs/run_a/", "run=outputs/run_b.csv"]


def test_every_key_of_the_config_is_offered():
    keys = [key for key in _all_keys() if not key.endswith("_target_")]
    assert len(keys) > 50
    line = {key: "".join(f"job={job} " for job in jobs_with(key.split(".")[0])[:1]) + key for key in keys}
    missing = [key for key in keys if not {f"{key}=", f"{key}."} & set(after(line[key]))]
    assert missing == []


def test_the_shell_is_answered_before_hydra_is_imported():
    look = "import atexit, runpy, sys; atexit.register(lambda: print('hydra' in sys.modules)); "
    run = "sys.argv[1:] = ['-sc', 'query=bash']; runpy.run_path('run.py', run_name='__main__')"
    line = {"COMP_LINE": "python run.py loss=hub | less", "COMP_POINT": "22"}
    done = subprocess.run(
        [sys.executable, "-c", look + run],
        cwd=ROOT,
        env=os.environ | line,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["loss=huber", "False"]
