import io
import math

import pytest

from tsforecast.errors import UserError
from tsforecast.tracking import tensorboard_tracker
from tsforecast.tracking.artifacts import Artifact
from tsforecast.tracking.background import start_trackers
from tsforecast.tracking.run_folder import RunFolder

pytest.importorskip("tensorboard", reason="TensorBoard is not installed: make setup EXTRAS=tensorboard")


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path / "run")


def start(folder):
    config = {
        "model": {"_target_": "some.model", "units": [64, 64]},
        "seed": 1,
        "resume": None,
        "job": {"name": "train"},
    }
    return tensorboard_tracker.start(config=config, folder=folder, name="lstm")


def read(folder):
    """What TensorBoard itself reads: scalars, text and images by tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder.path / "tensorboard"), size_guidance={"images": 0})
    return events.Reload()


@pytest.fixture
def events(folder):
    with start(folder) as tracker:
        for step, loss in ((10, 1.0), (20, 0.5)):
            tracker.log({"loss": loss, "val/rmse": None, "epoch": step // 10, "nan": math.nan}, step=step)
        tracker.summary({"test/rmse": 0.25, "skill": {"persistence": 0.1}})
        tracker.table("parameters", ["layer", "count"], [["a|b", 5]] + [["c", 0.123456]] * 60)
        tracker.forecast_plot(
            "forecast", [0, 1, 2], {"truth": [1.0, math.nan, 2.0], "forecast": [1.0, 2.0, 3.0]}, "h"
        )
        tracker.artifact(Artifact("load-lstm", "model", (folder.best,)))
        tracker.alert("Refused", "worse.")
    return read(folder)


def test_scalars_read_back_at_their_steps(events):
    assert [(event.step, event.value) for event in _tensors(events, "loss")] == [(10, 1.0), (20, 0.5)]
    assert [event.value for event in _tensors(events, "final/test/rmse")] == [0.25]
    assert not {"val/rmse", "nan", "final/skill"} & set(events.Tags()["tensors"])


def test_tables_alerts_and_files_read_back_as_text(events, folder):
    (table,) = events.Tensors(
        "parameters/text_summary" if "parameters/text_summary" in events.Tags()["tensors"] else "parameters"
    )
    text = table.tensor_proto.string_val[0].decode()
    assert text.startswith("| layer | count |\n| --- | --- |\n| a\\|b | 5 |\n| c | 0.12346 |")
    assert "| ... 11 more |  |" in text
    assert events.Tensors("alert/Refused")[0].tensor_proto.string_val[0] == b"worse."
    assert str(folder.best).encode() in events.Tensors("load-lstm")[0].tensor_proto.string_val[0]


def test_the_plot_is_an_image_with_both_lines(events):
    from PIL import Image

    (event,) = events.Images("forecast")
    image = Image.open(io.BytesIO(event.encoded_image_string)).convert("RGB")
    assert image.size == (event.width, event.height)
    colors = {color for _, color in image.getcolors(10_000)}
    assert (0xD1, 0x49, 0x5B) in colors


def test_hyperparameters_are_those_of_the_config(events):
    from tensorboard.plugins.hparams import metadata

    content = events.PluginTagToContent("hparams")[metadata.SESSION_START_INFO_TAG]
    options = metadata.parse_session_start_info_plugin_data(content).hparams
    assert options["model.units"].string_value == "[64, 64]"
    assert options["seed"].number_value == 1
    assert "resume" not in options


def test_a_training_is_seen_while_it_runs(folder):
    with start(folder) as tracker:
        tracker.log({"loss": 1.0}, step=10)
        assert [event.step for event in _tensors(read(folder), "loss")] == [10]


def test_a_full_disk_is_reported_once_and_harms_nothing(folder, capsys):
    class FullDisk(io.RawIOBase):
        def write(self, data):
            raise OSError(28, "No space left on device")

    def start_on_a_full_disk():
        return _with_file(start(folder), FullDisk())

    with start_trackers({"tensorboard": start_on_a_full_disk}) as tracker:
        for step in range(5):
            tracker.log({"loss": 1.0}, step=step)
    shown = capsys.readouterr().out
    assert "did not take a report ([Errno 28] No space left on device); the run continues." in shown
    assert "failed 3 times in a row" in shown
    assert len(shown.splitlines()) == 2


def test_without_tensorboard_it_says_what_to_install(folder, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with (
        pytest.raises(UserError, match=r"tracker=tensorboard needs TensorBoard: .*EXTRAS=tensorboard"),
        start(folder),
    ):
        pass


class _with_file:
    """A tracker whose file is replaced once it is open."""

    def __init__(self, context, file):
        self.context, self.file = context, file

    def __enter__(self):
        tracker = self.context.__enter__()
        self.before, tracker._writer._writer = tracker._writer._writer, self.file
        return tracker

    def __exit__(self, *failure):
        return self.context.__exit__(*failure)


def _tensors(events, tag):
    """The scalar events of a tag."""
    from types import SimpleNamespace

    from tensorboard.util import tensor_util

    return [
        SimpleNamespace(step=event.step, value=float(tensor_util.make_ndarray(event.tensor_proto)))
        for event in events.Tensors(tag)
    ]
