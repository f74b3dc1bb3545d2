"""Saved networks that name code, link to other files or ask for gigantic weights are refused before they are built."""

import io
import json
import zipfile

import h5py
import numpy as np
import pytest

from tests.helpers.serving_case import make_model
from tsforecast.errors import UserError
from tsforecast.models.io import load_metadata, load_model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "model.keras"
    make_model().save(path)
    return path


def rewritten(saved, tmp_path, config=None, weights=None, more=()):
    """The saved network with another config, other weights and further members."""
    path = tmp_path / "best.keras"
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json" and config is not None:
                content = config(json.loads(content))
                content = content if isinstance(content, bytes) else json.dumps(content).encode()
            if name == "model.weights.h5" and weights is not None:
                content = weights(content)
            target.writestr(name, content)
        for name, content in more:
            target.writestr(name, content)
    return path


def named(module, class_name, config=None):
    return lambda stored: {"module": module, "class_name": class_name, "config": config or {}}


def nested(node):
    def change(stored):
        stored["config"]["extra"] = [{"deep": node}]
        return stored

    return change


LAMBDA = {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (named("os", "system", {"command": "true"}), "it names os.system"),
        (named("subprocess", "Popen", {"args": "true"}), "it names subprocess.Popen"),
        (named("keras.layers", "Lambda", {"function": LAMBDA}), "it names keras.layers.Lambda"),
        (named("keras.layers", "TFSMLayer", {"filepath": "/tmp"}), "it names keras.layers.TFSMLayer"),
        (nested({"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {}}), "TorchModule"),
        (nested(LAMBDA), "it names None.__lambda__"),
        (
            nested({"module": "shutil", "class_name": "function", "config": "rmtree"}),
            "it names shutil.function",
        ),
        (nested({"module": "evil", "class_name": "A", "registered_name": "evil>A", "config": {}}), "evil.A"),
        (lambda stored: b"[" * 100_000, "nested too deeply"),
        (lambda stored: b"null", "no JSON object"),
    ],
)
def test_a_config_that_names_code_is_refused(saved, tmp_path, config, words):
    path = rewritten(saved, tmp_path, config)
    with pytest.raises(UserError, match=rf"best\.keras.*{words}"):
        load_model(path)


def grown(key, value):
    def change(stored):
        stored["config"]["task"][key] = value
        return stored

    return change


@pytest.mark.parametrize(("key", "value"), [("lookback", 10**9), ("horizon", 10**9)])
def test_gigantic_weights_are_refused_before_memory_is_taken(saved, tmp_path, key, value):
    path = rewritten(saved, tmp_path, grown(key, value))
    with pytest.raises(UserError, match=r"its config asks for [\d,]+ bytes of weights, and it has \d+"):
        load_model(path)
    assert load_model(saved).task.lookback == 8  # others load as before


def h5(build):
    def change(content):
        file = io.BytesIO()
        with h5py.File(file, "w") as target:
            build(target)
        return file.getvalue()

    return change


def virtual(file):
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(4,))
    file.create_virtual_dataset("vars/0", layout)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (
            h5(lambda file: file.create_dataset("vars/0", (10**12,), "f4", chunks=(1000,))),
            "are not stored in it",
        ),
        (
            h5(lambda file: file.create_dataset("vars/0", data=np.zeros(10**6), compression="gzip")),
            "not stored",
        ),
        (h5(lambda file: file.__setitem__("vars", h5py.ExternalLink("/etc/passwd", "/"))), "a link, 'vars'"),
        (h5(lambda file: file.__setitem__("vars", h5py.SoftLink("/"))), "a link, 'vars'"),
        (h5(virtual), "are not stored in it"),
        (
            h5(lambda f: f.create_dataset("a", (4,), "f4", external=[("/etc/passwd", 0, 16)])),
            "not stored in it",
        ),
        (lambda content: b"no HDF5", "file"),
        (lambda content: content[:500], "file"),
    ],
)
def test_weights_from_elsewhere_or_of_gigantic_shapes_are_refused(saved, tmp_path, weights, words):
    path = rewritten(saved, tmp_path, weights=weights)
    with pytest.raises(UserError, match=rf"best\.keras.*{words}"):
        load_model(path)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([("../../outside.txt", b"")], "a member outside of it"),
        ([("assets/vocabulary.txt", b"")], "an unknown member"),
        ([("/model.weights.h5", b"")], "a member outside of it"),
    ],
)
def test_further_members_are_refused_also_where_only_the_metadata_are_read(saved, tmp_path, more, words):
    path = rewritten(saved, tmp_path, more=more)
    for load in (load_model, load_metadata):
        with pytest.raises(UserError, match=rf"best\.keras.*{words}"):
            load(path)


def test_a_zip_bomb_is_refused(saved, tmp_path):
    path = rewritten(saved, tmp_path, config=lambda stored: b" " * 300_000_000)
    with pytest.raises(UserError, match=r"bytes that unpack to 300,\d+,\d+"):
        load_metadata(path)


def test_what_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "best.keras"
    path.write_bytes(b"no archive")
    with pytest.raises(
        UserError, match=r"best\.keras is damaged or not safe to load \(File is not a zip file\)"
    ):
        load_model(path)
