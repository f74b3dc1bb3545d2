"""Members that are given by a folder, and what a finished run tells about itself."""

import dataclasses

import pytest

from tests.helpers.context_case import context_dataset, draw_values
from tests.helpers.scored_case import dataset
from tsforecast.ensemble.members import Member, find_member, is_run_folder
from tsforecast.errors import UserError
from tsforecast.evaluation.result import RunResult
from tsforecast.models import io
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


def finished_run(path, rows, **changes):
    folder = RunFolder.create(path)
    folder.write_text_atomic("config.yaml", "")
    window = {key: rows.window[key] for key in ("lookback", "lead", "horizon")}
    fields = {"window": window, "data": {"hash": rows.series.data_hash()}, "seconds": 2.0, **changes}
    RunResult(status="done", **fields).write(folder.path)
    return str(path)


def test_a_run_with_the_same_data_window_and_split_is_a_member(tmp_path):
    data = dataset()
    path, folders = finished_run(tmp_path / "gru", data), []
    member = find_member(path, data, same_split=lambda folder: not folders.append(folder))
    assert (member.name, member.folder.path, member.seconds) == ("gru", tmp_path / "gru", 2.0)
    assert folders == [member.folder]


@pytest.mark.parametrize(
    "changes", [{"window": {"lookback": 1}}, {"data": {"hash": "other"}}, {"data": None}]
)
def test_a_run_with_other_data_or_another_window_is_refused(tmp_path, changes):
    data = dataset()
    path = finished_run(tmp_path / "gru", data, **changes)
    with pytest.raises(UserError, match="gru was trained on other data, another split or another window"):
        find_member(path, data, same_split=lambda folder: True)


def test_a_run_with_another_split_is_refused(tmp_path):
    data = dataset()
    with pytest.raises(UserError, match="another split"):
        find_member(finished_run(tmp_path / "gru", data), data, same_split=lambda folder: False)


def test_changed_data_are_described_by_rows_and_hash(tmp_path):
    data = dataset()
    path = finished_run(tmp_path / "gru", data, data={"hash": "a1", "rows": 1200})
    with pytest.raises(UserError, match=r"1,200 rows then \(hash a1\), [\d,]+ rows now \(hash "):
        find_member(path, data, same_split=lambda folder: True)


def test_a_member_may_lack_the_context_and_not_have_another(tmp_path, monkeypatch):
    values = draw_values(400)
    events, daily = context_dataset(values, "events"), context_dataset(values, "daily")
    path = finished_run(tmp_path / "gru", events)
    (tmp_path / "gru" / "best.keras").touch()

    def find(data, scaler):
        monkeypatch.setattr(io, "load_metadata", lambda file: {"scaler": scaler.to_dict()})
        return find_member(path, data, same_split=lambda folder: True)

    assert find(events, events.scaler).name == find(events, events.scaler.without_context()).name == "gru"
    for data, scaler in ((daily, events.scaler), (dataset_without(values), events.scaler)):
        with pytest.raises(
            UserError, match=r"another context than this ensemble.*context=events of that run"
        ):
            find(data, scaler)
    other = dataclasses.replace(events.scaler, mean=events.scaler.mean + 1)
    with pytest.raises(UserError, match="scales its data in another way"):
        find(events, other)


def dataset_without(values):
    data = context_dataset(values, "events")
    return dataclasses.replace(data, scaler=data.scaler.without_context())
