"""Damaged requests: they are refused in one sentence, or read as any other reader of JSON or Arrow reads them."""

import json
import random

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.damages import DAMAGES
from tests.helpers.example_counts import profile
from tests.helpers.serving_case import LOOKBACK, make_metadata, make_rows, make_task, window_json
from tsforecast.errors import UserError
from tsforecast.feeds.records import decode_rows
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.serving import requests
from tsforecast.serving.arrivals import read_body

# At night: DAMAGES=5000 .venv/bin/python -m pytest tests/unit/test_damaged_requests.py
PROFILE = profile("DAMAGES", 150)
METADATA = ModelMetadata.from_task(make_task(), make_metadata())
TIME, COLUMNS = make_rows(40)
VALUES = [
    None,
    True,
    "1",
    "",
    [],
    {},
    1e400,
    -1e400,
    10**400,
    float("nan"),
    [1],
    {"a": 1},
    "2024-01-31T13:45:00",
    -0.0,
]


def window():
    return window_json(TIME, {name: values.round(2) for name, values in COLUMNS.items()}, 20)


def replace_one(content, rng):
    """Put another value at a random place of nested lists and objects, or delete or rename a key."""
    parents = [content]
    for parent in parents:
        children = parent.values() if isinstance(parent, dict) else parent
        parents += [child for child in children if isinstance(child, dict | list) and child]
    parent = rng.choice(parents)
    key = rng.choice(list(parent) if isinstance(parent, dict) else range(len(parent)))
    action = rng.randrange(3)
    if action == 0:
        del parent[key]
    elif action == 1 and isinstance(parent, dict):
        parent[str(key) + rng.choice(["", " ", "s", "\ud800"])] = parent.pop(key)
    else:
        parent[key] = rng.choice(VALUES)
    return content


def assert_sentence(error):
    assert "\n" not in str(error)
    assert str(error).endswith((".", "?"))


def read(body, kind):
    """Read a body; None if it is refused in one sentence."""
    try:
        if kind == "rows":
            return requests.read_truths(body, METADATA, 5)
        return (requests.from_json if kind == "windows" else requests.from_arrow)(body, METADATA, 5)
    except UserError as error:
        assert_sentence(error)
        return None


def assert_true(body, kind, result):
    """What was read is what the JSON says."""
    content = json.loads(body)
    if kind == "rows":
        truths = [row["values"]["load"] for row in content["rows"] if "load" in row["values"]]
        assert [truth.value for truth in result[1]] == [float(value) for value in truths]
        return
    names = content.get("features") or list(METADATA.features)
    load = [[float(row[names.index("load")]) for row in window["values"]] for window in content["windows"]]
    np.testing.assert_allclose(result.past[:, :, 0], (np.array(load) - 2.0) / 0.5, rtol=1e-5, atol=1e-5)


@PROFILE
@given(st.sampled_from(["windows", "rows"]), st.sampled_from([*DAMAGES, None]), st.integers(0, 2**32))
def test_a_damaged_body_is_refused_in_one_sentence_or_read_truly(kind, damage, seed):
    rng = random.Random(seed)
    row = {"time": "2024-01-01T00:00:00", "values": {"load": 1.5, "pressure": 2.25}}
    content = {
        kind: [window(), window()] if kind == "windows" else [row, {**row, "time": "2024-01-01T00:01:00"}]
    }
    if damage is None:
        body = json.dumps(replace_one(content, rng)).encode()
    else:
        body = damage(json.dumps(content).encode(), rng)
    result = read(body, kind)
    if result is not None:
        assert_true(body, kind, result)


def arrow_body(rng):
    rows = slice(20 - LOOKBACK + 1, 21)
    columns = {
        "time": pa.array(TIME[rows]),
        **{name: pa.array(values[rows]) for name, values in COLUMNS.items()},
    }
    name = rng.choice(list(columns))
    kind = rng.choice(
        [pa.string(), pa.int64(), pa.float32(), pa.timestamp("ns", "UTC"), pa.binary(), pa.null(), pa.bool_()]
    )
    try:
        columns[name] = columns[name].cast(kind, safe=False)
    except pa.ArrowException:
        columns[name] = pa.nulls(LOOKBACK, kind)
    return pa.table(columns)


@PROFILE
@given(st.sampled_from([*DAMAGES, None]), st.integers(0, 2**32))
def test_a_damaged_arrow_body_is_refused_in_one_sentence_or_read(damage, seed):
    rng = random.Random(seed)
    table = arrow_body(random.Random(1) if damage else rng)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    body = sink.getvalue().to_pybytes()
    result = read(damage(body, rng) if damage else body, "arrow")
    assert result is None or np.isfinite(result.past).all()


def read_rows(body, content_type):
    """Read rows; None if they are refused in one sentence."""
    try:
        return read_body(body, content_type, METADATA)
    except UserError as error:
        assert_sentence(error)
        return None


@PROFILE
@given(st.sampled_from([*DAMAGES, None]), st.integers(0, 2**32))
def test_damaged_rows_are_refused_in_one_sentence_or_read_truly(damage, seed):
    rng = random.Random(seed)
    row = {"time": "2024-01-01T00:00:00", "values": {"load": 1.5, "pressure": 2.25}}
    content = {"rows": [row, {**row, "time": "2024-01-01T00:01:00"}]}
    if damage is None:
        body = json.dumps(replace_one(content, rng)).encode()
    else:
        body = damage(json.dumps(content).encode(), rng)
    result = read_rows(body, "application/json")
    if result is not None:
        sent = [item["values"].get("load") for item in json.loads(body)["rows"]]
        assert [json.loads(text)["load"] for _, text in result.records] == sent
        decode_rows(result.records, METADATA)


@PROFILE
@given(st.sampled_from(DAMAGES), st.integers(0, 2**32))
def test_damaged_csv_is_refused_in_one_sentence_or_read(damage, seed):
    body = (
        b"time,load,pressure\n2024-01-01 00:00,1.5,2.25\n2024-01-01 00:01,,2.5\n2024-01-01 00:02,1.75,2.25\n"
    )
    result = read_rows(damage(body, random.Random(seed)), "text/csv")
    if result is not None:
        rows = decode_rows(result.records, METADATA)
        assert not np.isnat(rows.time).any()
