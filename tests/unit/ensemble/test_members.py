"""Members that are given by a folder, and what a finished run tells about itself."""

from tsforecast.ensemble.members import Member, is_run_folder
from tsforecast.evaluation.result import RunResult
from tsforecast.tracking.run_folder import RunFolder


def test_a_member_is_a_folder_or_the_name_of_a_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_run_folder("outputs/gru")
    assert not is_run_folder("gru")
    (tmp_path / "gru").mkdir()
    assert is_run_folder("gru")


def test_a_member_of_a_finished_run(tmp_path):
    folder = RunFolder.create(tmp_path / "gru")
    RunResult(status="done", seconds=3.5).write(folder.path)
    assert Member.from_folder(folder) == Member("gru", folder, 3.5)
    assert Member.from_folder(folder, "second").name == "second"
