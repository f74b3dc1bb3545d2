"""Retraining on daily data from a file: what is trusted, what is refused before TensorFlow, and a verdict per file."""

import json
from datetime import date, timedelta

import numpy as np
import pytest

from tests.helpers.command_runs import run_chain

pytestmark = pytest.mark.slow

TRAIN = (
    "data=csv data.path=live.csv data.target=orders data.rows=1095 model=dlinear training=quick tracker=none device=cpu"
    " window.lookback=48 window.lead=1 training.warmup_steps=12 training.max_steps=3 report.spikes=false"
)
LONG = [
    "retrain.train_steps=700",
    "retrain.val_days=60",
    "retrain.held_out_days=60",
    "retrain.latency_ms=60000",
]
ORDERS = (
    40 + 10 * np.sin(2 * np.pi * np.arange(1165) / 7) + np.random.default_rng(24).normal(0, 4, 1165)
).round()


def write(path, orders, without=()):
    lines = [f"{date(2021, 1, 1) + timedelta(days=day)},{value}" for day, value in enumerate(orders)]
    path.write_text(
        "\n".join(["date,orders", *(line for day, line in enumerate(lines) if day not in without)]) + "\n"
    )


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    here = tmp_path_factory.mktemp("daily")
    write(here / "data.csv", ORDERS[:1095])
    write(here / "grown.csv", ORDERS, without=(1130,))
    retrain = " ".join(["job=retrain", "registry.path=registry_b", "retrain.max_steps=40", *LONG])
    commands = [
        "copy data.csv live.csv",
        f"{TRAIN} hydra.run.dir=run",
        "job=promote run=run registry.path=registry_a",
        "job=promote run=run registry.path=registry_b",
        "copy grown.csv live.csv",
        retrain,
        retrain,
    ]
    done = run_chain(*" -- ".join(commands).split(), cwd=here)
    assert done.code == 0, done.err
    return done


def test_daily_rows_with_a_missing_day_are_retrained(chain):
    (outcome,) = (chain.cwd / "registry_b" / "retraining").glob("v0001_1165_*/retraining.json")
    stored = json.loads(outcome.read_text())
    assert (stored["outcome"], stored["champion"], stored["new_rows"]) == ("promoted", "v0002", 70)
    result = json.loads((chain.cwd / "registry_b/versions/v0002/result.json").read_text())
    assert result["data"]["last"] == "2024-03-10T00:00:00"


def test_notes_on_the_rows_are_printed(chain):
    lines = [line.strip() for line in chain.out.splitlines()]
    assert "1 of 1,165 timestamps were missing; their rows count as unobserved." in lines
    assert any(line.startswith("v0001 was made with the first 1,095 rows (data.rows)") for line in lines)


def test_a_repeated_command_reports_the_outcome_again(chain):
    outcomes = [line for line in chain.out.splitlines() if line.startswith("promoted: ")]
    assert len(outcomes) == 2
    assert outcomes[0] == outcomes[1]


@pytest.fixture
def retrain(chain, cold_command):
    """A function that retrains on other rows with the registry of the first champion, without TensorFlow."""

    def run(orders, *options, without=()):
        write(chain.cwd / "live.csv", orders, without)
        return cold_command("job=retrain", "registry.path=registry_a", "device=cpu", *options, cwd=chain.cwd)

    return run


def test_too_few_windows_are_explained_by_the_options_of_retraining(retrain):
    done = retrain(ORDERS)
    assert (done.code, done.imported) == (2, [])
    assert done.err == (
        "retrain.train_days=60 makes 60 rows and 12 windows to train on, too few for window.lookback 48 and a batch of"
        " 32 windows: set retrain.train_days=80 (or retrain.train_steps=80) or more.\n"
    )


def test_a_corrected_file_gets_a_verdict_of_its_own(retrain):
    refused = retrain(ORDERS, *LONG, without=range(1120, 1130))
    assert (refused.code, refused.imported) == (0, [])
    assert (
        "refused: the new rows are not trusted: orders has no value in 10 rows from 2024-01-26" in refused.out
    )
    again = retrain(ORDERS, *LONG, without=range(1120, 1130))
    assert again.out.splitlines()[-2:] == refused.out.splitlines()[-2:]
    corrected = retrain(ORDERS, *LONG)
    assert "refused" not in corrected.out
    assert corrected.imported  # it went on to train


def test_the_file_is_read_by_the_recipe_of_the_champion(retrain):
    done = retrain([*ORDERS[:1100], "forty", *ORDERS[1101:]], *LONG)
    assert (done.code, done.imported) == (2, [])
    assert done.err.count("\n") == 1
    assert "'orders'" in done.err
    assert "'forty' in row 1,101" in done.err


def test_rows_are_counted_by_time_when_the_oldest_are_gone(retrain):
    done = retrain(ORDERS, without=range(100))
    assert "100 of the 1,095 rows that v0001 was made with are gone." in done.out
    assert "retrain.train_days=60 makes 60 rows" in done.err


def test_without_new_rows_a_correction_is_mentioned(retrain):
    done = retrain(np.append(ORDERS[0] + 1, ORDERS[1:1095]))
    assert (
        "The rows that v0001 was made with have changed since; retrain.least_new_rows=0 retrains" in done.out
    )
    assert (
        "nothing new: 0 rows are new since v0001 was made, and retrain.least_new_rows asks for 60."
        in done.out
    )
    same = retrain(ORDERS[:1095])
    assert "changed since" not in same.out
    assert "changed since" not in retrain(ORDERS).out


def test_held_out_rows_that_the_champion_was_trained_on_are_refused(retrain):
    done = retrain(ORDERS, "retrain.train_steps=100", "retrain.held_out_days=500")
    assert (done.code, done.imported) == (2, [])
    assert "retrain.held_out_days=500 reaches back to" in done.err
