import json

import pytest

from tsforecast.sweeps.outcome import close, last_line, read_outcome


def wrote(folder, **result):
    (folder / "result.json").write_text(json.dumps(result))
    return folder


def test_a_folder_without_a_result_is_waiting(tmp_path):
    assert read_outcome(tmp_path).status == "waiting"


def test_figures_are_flat_and_missing_ones_left_out(tmp_path):
    found = read_outcome(
        wrote(
            tmp_path,
            status="done",
            metrics={"test/rmse": 0.5, "test/r2": None},
            skill={"persistence": 0.1},
            params=7,
            unit="kW",
        )
    )
    assert found.figures == {"test/rmse": 0.5, "skill/persistence": 0.1, "params": 7}
    assert (found.status, found.unit) == ("done", "kW")


def test_a_job_that_says_itself_why_it_failed_keeps_its_word(tmp_path):
    assert (
        close(wrote(tmp_path, status="failed", error="the loss became nan"), 2).error == "the loss became nan"
    )


def test_a_refusal_before_any_result_is_read_from_the_log(tmp_path):
    (tmp_path / "log.txt").write_text("reading\nNo window fits.\n\n")
    assert close(tmp_path, 2).error == "No window fits."
    assert read_outcome(tmp_path).status == "failed"


@pytest.mark.parametrize(
    ("signal", "words"), [(-9, "signal 9, perhaps for want of memory"), (-11, "signal 11")]
)
def test_a_killed_job_names_the_signal(tmp_path, signal, words):
    assert words in close(tmp_path, signal).error


def test_a_job_killed_after_it_was_done_is_not_called_done(tmp_path):
    assert close(wrote(tmp_path, status="done", metrics={}), -9).status == "failed"


@pytest.mark.parametrize("code", [130, -15])
def test_a_stopped_job_is_interrupted(tmp_path, code):
    assert close(tmp_path, code).status == "interrupted"


def test_a_job_without_a_result_file_is_done_by_its_exit_code(tmp_path):
    assert close(tmp_path, 0).status == "done"
    assert read_outcome(tmp_path).status == "done"


def test_the_last_line_is_that_of_this_attempt(tmp_path):
    log = tmp_path / "log.txt"
    assert last_line(log) == ""
    log.write_text("member gru\n")
    assert last_line(log, start=11) == ""
    log.write_text("member gru\n" + "x" * 20_000 + "\n  member lstm  \n\n")
    assert last_line(log, start=11) == "member lstm"
