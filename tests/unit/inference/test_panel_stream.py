"""The windows of many series in a file are those of the training data, whatever the order of the rows."""

import json

import numpy as np
import pytest

from tests.helpers.context_case import context_options
from tests.helpers.panel_case import make_panel, write_panel, write_static_panel
from tsforecast.data.dataset import build_dataset
from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata, describe_data
from tsforecast.inference.panel_stream import PanelStream
from tsforecast.models.task import Task
from tsforecast.tables.file_source import FileSource

WINDOW = {"lookback": 6, "lead": 1, "horizon": 2, "stride": 1, "split": {"train": 0.7, "val": 8, "test": 8}}
OPTIONS = {"series_id": "id", "static": ["size", "region"], "series_input": True}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_static_panel(tmp_path_factory.mktemp("panel") / "panel.csv", make_panel())


@pytest.fixture(scope="module")
def dataset(path):
    return build_dataset(load(str(path), "load", **OPTIONS), **WINDOW)


@pytest.fixture(scope="module")
def metadata(dataset):
    return ModelMetadata.from_task(Task.from_dataset(dataset), json.loads(json.dumps(describe_data(dataset))))


def rewrite(path, folder, change):
    header, *lines = path.read_text().splitlines()
    changed = folder / "changed.csv"
    changed.write_text("\n".join([header, *change(lines)]) + "\n")
    return changed


def windows_of(path, metadata, **options):
    """Series and time of the last input row -> the inputs of the window."""
    windows, stream = {}, PanelStream(FileSource(str(path)), metadata, **options)
    for state, segment in stream.segments():
        for end, past in zip(segment.ends, segment.windows(segment.ends), strict=True):
            windows[state.name, str(segment.time[end])] = past
    return windows, stream


def by_time(lines):
    return sorted(lines, key=lambda line: line.split(",")[1])


@pytest.mark.parametrize("change", [list, by_time])
def test_windows_are_those_of_the_dataset(path, dataset, metadata, tmp_path, change):
    windows, _ = windows_of(rewrite(path, tmp_path, change), metadata)
    series = dataset.series
    count = 0
    for index, (start, stop) in enumerate(series.panel.ranges):
        for end in range(start + 5, stop):
            expected = dataset.inputs[end - 5 : end + 1]
            past = windows[series.panel.ids[index], str(series.time[end])]
            np.testing.assert_allclose(past, expected, rtol=1e-4, atol=1e-5)
            count += 1
    assert len(windows) == count


@pytest.mark.parametrize("kind", ["events", "daily"])
def test_the_context_of_a_series_is_that_of_the_dataset(path, kind):
    context = context_options(kind, spans=["3h", "8h"])
    dataset = build_dataset(load(str(path), "load", **OPTIONS), **WINDOW, context=context)
    metadata = ModelMetadata.from_task(
        Task.from_dataset(dataset), json.loads(json.dumps(describe_data(dataset)))
    )
    windows, _ = windows_of(path, metadata)
    series = dataset.series
    for index, (start, stop) in enumerate(series.panel.ranges):
        for end in range(start + 5, stop):
            past = windows[series.panel.ids[index], str(series.time[end])]
            np.testing.assert_allclose(past, dataset.inputs[end - 5 : end + 1], rtol=1e-4, atol=1e-5)


def test_an_unknown_series_is_scaled_by_its_first_window(path, metadata, tmp_path):
    def add(lines):
        return [*lines, *(line.replace("b,", "new,", 1) for line in lines if line.startswith("b,"))]

    windows, stream = windows_of(rewrite(path, tmp_path, add), metadata)
    known = [past for (name, _), past in windows.items() if name == "b"]
    new = [past for (name, _), past in windows.items() if name == "new"]
    assert len(new) == len(known)
    load_, code = 0, metadata.all_features.index("id")
    np.testing.assert_allclose(new[0][:, load_].mean(), 0, atol=1e-5)
    np.testing.assert_allclose(new[0][:, load_].std(), 1, rtol=1e-4)
    assert (new[0][:, code] == 0).all()
    assert (known[0][:, code] == 3).all()
    assert stream.warnings()[0].startswith("1 series were not in the training data (first: 'new')")


def test_an_unknown_series_without_a_whole_window_has_no_forecast(path, metadata, tmp_path):
    def add(lines):
        return [*lines, *(line.replace("a,", "new,", 1) for line in lines[:4])]

    windows, stream = windows_of(rewrite(path, tmp_path, add), metadata)
    assert "new" not in {name for name, _ in windows}
    assert any("have fewer rows than a window" in line for line in stream.warnings())


def test_a_static_value_is_that_of_the_series_and_may_not_change(path, metadata, tmp_path):
    def leave_out(lines):
        return [
            line if index % 7 == 0 else ",".join([*line.split(",")[:3], "", ""])
            for index, line in enumerate(lines)
        ]

    expected, _ = windows_of(path, metadata)
    windows, _ = windows_of(rewrite(path, tmp_path, leave_out), metadata)
    assert all((windows[key] == past).all() for key, past in expected.items())
    changed = rewrite(path, tmp_path, lambda lines: [*lines[:-1], lines[-1].replace(",20,", ",21,")])
    with pytest.raises(UserError, match=r"predict\.data: 'size' changes within series 'c'"):
        windows_of(changed, metadata)


def test_a_known_series_without_a_whole_window_is_named(path, metadata, tmp_path):
    def cut(lines):
        return [line for line in lines if not line.startswith("b,")] + [
            line for line in lines if line.startswith("b,")
        ][:4]

    windows, stream = windows_of(rewrite(path, tmp_path, cut), metadata)
    assert "b" not in {name for name, _ in windows}
    assert stream.warnings() == [
        "1 series (first: 'b') have fewer rows than a window, or gaps in all of them: no forecast."
    ]


@pytest.mark.parametrize("least", [1, 90, 10_000])
def test_pieces_are_joined_until_their_series_have_rows(path, metadata, monkeypatch, least):
    monkeypatch.setattr("tsforecast.inference.panel_stream.MIN_ROWS", least)
    stream = PanelStream(FileSource(str(path)), metadata)
    pieces = [piece for rows in stream._read() for piece in split_rows(rows, 40)]
    joined = [len(rows.time) for rows in stream._join(iter(pieces))]
    assert sum(joined) == 240
    assert joined == {1: [40] * 6, 90: [120, 120], 10_000: [240]}[least]


def split_rows(rows, size):
    return [rows.select(slice(start, start + size)) for start in range(0, len(rows.time), size)]


def test_several_columns_name_a_series(path, tmp_path):
    two = tmp_path / "two.csv"
    two.write_text(
        path.read_text()
        .replace("id,time", "site,pump,time")
        .replace("\na,", "\nx,1,")
        .replace("\nb,", "\nx,2,")
        .replace("\nc,", "\ny,1,")
    )
    dataset = build_dataset(load(str(two), "load", series_id=["site", "pump"]), **WINDOW)
    metadata = ModelMetadata.from_task(
        Task.from_dataset(dataset), json.loads(json.dumps(describe_data(dataset)))
    )
    windows, stream = windows_of(rewrite(two, tmp_path, by_third), metadata)
    assert {state.labels for state in stream.states.values()} == {("x", "1"), ("x", "2"), ("y", "1")}
    assert [name for name in ("x/1", "x/2", "y/1") if name not in {key[0] for key in windows}] == []
    end = dataset.series.panel.bounds[2] - 1
    np.testing.assert_allclose(
        windows["x/2", str(dataset.series.time[end])], dataset.inputs[end - 5 : end + 1], rtol=1e-4, atol=1e-5
    )


def by_third(lines):
    return sorted(lines, key=lambda line: line.split(",")[2])


def test_the_level_of_an_unknown_series_is_that_of_its_first_bins(tmp_path):
    lines = [
        f"{name},2024-01-{1 + half // 48:02d} {half % 48 // 2:02d}:{30 * (half % 2):02d},{size * (half % 7) + size}"
        for name, size in (("a", 1), ("b", 9))
        for half in range(240)
    ]
    path = tmp_path / "halves.csv"
    path.write_text("\n".join(["id,time,load", *lines]) + "\n")
    dataset = build_dataset(load(str(path), "load", series_id="id", calendar=False, resample="1h"), **WINDOW)
    metadata = ModelMetadata.from_task(
        Task.from_dataset(dataset), json.loads(json.dumps(describe_data(dataset)))
    )
    windows, _ = windows_of(path, metadata)
    end = dataset.series.panel.bounds[1] + 30
    np.testing.assert_allclose(
        windows["b", str(dataset.series.time[end])], dataset.inputs[end - 5 : end + 1], rtol=1e-4, atol=1e-5
    )
    new = tmp_path / "new.csv"
    new.write_text(path.read_text().replace("\nb,", "\nnew,"))
    windows, stream = windows_of(new, metadata)
    first = next(past for (name, _), past in windows.items() if name == "new")
    np.testing.assert_allclose([first[:, 0].mean(), first[:, 0].std()], [0, 1], atol=1e-5)
    assert stream.states[(1,)].windows == 121 - 5


def test_levels_are_undone_in_the_unit_of_the_series(dataset, metadata, path):
    _, stream = windows_of(path, metadata)
    scaled = np.array([[[0.5]]])
    for state in stream.states.values():
        index = dataset.series.panel.ids.index(state.name)
        levels = dataset.scaler.levels
        expected = levels.shift[index, 0] + 0.5 * levels.width[index, 0]
        assert state.metadata.scaler.inverse_targets(scaled).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id,time", "name,time", "has no column 'id'|feature"),
        ("\nb,", "\n,", "column 'id' is empty in row 61: name the series of each row"),
        ("time,load", "time,lod", "feature 'load' is missing"),
    ],
)
def test_rows_without_a_series_or_a_feature_are_refused(path, metadata, tmp_path, old, new, message):
    changed = tmp_path / "changed.csv"
    changed.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=message):
        windows_of(changed, metadata)


def test_a_model_of_a_wide_table_reads_no_file(tmp_path):
    series = load(str(write_panel(tmp_path / "panel.csv", make_panel())), "load", series_id="id")
    wide = "time,x,y\n" + "\n".join(f"2024-01-{day:02d},{day % 7},{-day % 5}" for day in range(1, 32))
    (tmp_path / "wide.csv").write_text(wide)
    series = load(str(tmp_path / "wide.csv"), "all", layout="wide", calendar=False)
    dataset = build_dataset(series, **WINDOW)
    metadata = ModelMetadata.from_task(Task.from_dataset(dataset), describe_data(dataset))
    with pytest.raises(UserError, match="trained on a wide table"):
        PanelStream(FileSource(str(tmp_path / "wide.csv")), metadata)
