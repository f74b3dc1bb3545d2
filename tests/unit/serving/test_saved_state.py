"""State files of version 0.1 are read once."""

import json

import numpy as np

from tests.helpers.learner_process import make_learner, make_learning_model
from tests.helpers.serving_case import HORIZON, LEAD, START

TIME = int(START.astype(np.int64))


def write_state(folder):
    """Write what a service of version 0.1 leaves; return its intervals and the points."""
    before = make_learning_model()
    for error in np.linspace(-1, 1, 50):
        for step in range(HORIZON):
            before.intervals.update_one(step, 0, band=(2.0, 2.0), interval=(1.5, 2.5), truth=2.0 + error)
    folder.mkdir()
    (folder / "v0001.npz").write_bytes(before.intervals.to_bytes())
    (folder / "v0001.json").write_text(json.dumps({"weights": [0.25, 0.75], "learned": 3}))
    points = [
        {
            "version": "v0001", "made_at": TIME, "time": TIME + 60 * (LEAD + step), "step": step, "target": 0,
            "forecast": 2.25, "low": 2.25, "high": 2.25, "lower": None, "upper": 3.0, "last": 1.5, "alarm": False,
            "spike": None, "truth": 2.5 if step == 0 else None,
        }
        for step in range(HORIZON)
    ]  # fmt: skip
    truths = [[TIME + 60 * LEAD, 0, 2.5]]
    record = {"points": points, "truths": truths, "weights": [[TIME, {"a": 0.25, "b": 0.75}]]}
    (folder / "record.json").write_text(json.dumps(record))
    return before, points


def test_state_files_are_read_and_replaced_by_the_journal(tmp_path):
    before, points = write_state(tmp_path / "live")
    model = make_learning_model()
    learner = make_learner(tmp_path / "live/journal.db", model)
    np.testing.assert_array_equal(model.intervals.margins(), before.intervals.margins())
    assert model.intervals.summary() == before.intervals.summary()
    assert model.ensemble.to_dict() == {"weights": [0.25, 0.75], "learned": 3}
    shown = learner.store.snapshot()
    hidden = ("low", "high")
    assert shown["points"] == [
        {name: value for name, value in point.items() if name not in hidden} for point in points
    ]
    assert shown["weights"] == [{"made_at": TIME, "weights": {"a": 0.25, "b": 0.75}}]
    assert learner.observe([(TIME + 60 * LEAD, 0, 9.0)], model).truths == []  # known already
    assert len(learner.observe([(TIME + 60 * (LEAD + 1), 0, 2.0)], model).matched) == 1
    learner.close()
    assert [path.name for path in (tmp_path / "live").iterdir()] == ["journal.db"]
    again = make_learning_model()
    make_learner(tmp_path / "live/journal.db", again).close()
    np.testing.assert_array_equal(again.intervals.margins(), model.intervals.margins())
