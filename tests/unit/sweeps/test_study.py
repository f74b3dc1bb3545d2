import json

import pytest

from tsforecast.errors import UserError
from tsforecast.sweeps.study import Job, Study, config_hash, differences, short_keys

CONFIG = {"model": {"units": [8]}, "training": {"max_steps": 20}, "tracker": {"group": None}, "seed": 0}


def job(number=0, **axes):
    return Job(number, axes, [], CONFIG)


def test_hash_ignores_what_does_not_decide_the_result_and_nothing_else():
    other_tracker = {**CONFIG, "tracker": {"group": "x"}, "resume": "a", "sweep": {"id": "b"}}
    assert config_hash(other_tracker) == config_hash(CONFIG)
    assert config_hash({**CONFIG, "seed": 1}) != config_hash(CONFIG)
    assert config_hash({**CONFIG, "seed": 1}, without=("seed",)) == config_hash(CONFIG, without=("seed",))


def test_hash_takes_a_node_into_account_for_the_jobs_that_read_it():
    for job, matters in (("train", False), ("backtest", True)):
        one, other = ({**CONFIG, "job": {"name": job}, "backtest": {"origins": n}} for n in (2, 3))
        assert (config_hash(one) != config_hash(other)) is matters


def test_hash_does_not_depend_on_the_order_of_keys():
    assert config_hash(dict(reversed(CONFIG.items()))) == config_hash(CONFIG)


def test_axes_keep_their_last_part_where_it_is_unambiguous():
    assert short_keys({"training.batch_size": "32", "model": "gru"}) == {"batch_size": "32", "model": "gru"}
    both = {"model.dropout": "0", "head.dropout": "1"}
    assert short_keys(both) == both


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("gru", "07_model-gru"),
        ("[8,16]", "07_model-8-16"),
        ("'a b'", "07_model-a-b"),
        ("0.006486675429720426", "07_model-0.006487"),
        ("1e-3", "07_model-1e-3"),
        ("x" * 200, "07_model-" + "x" * 71),
    ],
)
def test_folder_names_need_no_quotes_and_are_not_too_long(value, name):
    assert job(7, model=value).folder_name == name


def test_a_study_begins_once_and_goes_on_with_the_same_one(tmp_path):
    study = Study(tmp_path / "a")
    identity = {"axes": {"model": ("lstm", "gru")}, "jobs": {"x": CONFIG}}
    assert study.begin(["-m"], identity) is False
    assert study.begin(["-m"], identity) is True
    assert study.read()["command"] == ["-m"]


def test_another_tracker_is_the_same_study(tmp_path):
    study = Study(tmp_path)
    study.begin([], {"jobs": {"x": CONFIG}})
    assert study.begin([], {"jobs": {"x": {**CONFIG, "tracker": {"group": "other"}}}})


def test_another_study_is_refused_and_the_difference_named_once(tmp_path):
    study = Study(tmp_path)
    study.begin([], {"jobs": {"x": CONFIG, "y": CONFIG}})
    changed = {**CONFIG, "training": {"max_steps": 40}}
    with pytest.raises(UserError, match=r"training\.max_steps was 20 there and is 40 now; repeat"):
        study.begin([], {"jobs": {"x": changed, "y": changed}})


def test_differences_name_added_and_removed_keys():
    assert differences({"a": 1, "b": {"c": 2}}, {"b": {"c": 2}, "d": 3}) == [
        "a was 1 there and is not set now",
        "d was not set there and is 3 now",
    ]


def test_a_folder_that_is_no_sweep_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no study\.json"):
        Study(tmp_path).read()


def test_two_processes_cannot_work_on_one_sweep(tmp_path):
    with (
        Study(tmp_path).lock(),
        pytest.raises(UserError, match="Another process"),
        Study(tmp_path).lock(),
    ):
        pass
    with Study(tmp_path).lock():
        pass


def test_the_study_file_holds_plain_json(tmp_path):
    Study(tmp_path).begin(["-m", "a=1,2"], {"axes": {"a": ["1", "2"]}, "jobs": {"a=1": CONFIG}})
    stored = json.loads((tmp_path / "study.json").read_text())
    assert stored["identity"]["jobs"]["a=1"] == {k: v for k, v in CONFIG.items() if k != "tracker"}
