"""PostgreSQL: a real server, its types, its refusals, and no password in any message."""

import numpy as np
import pytest

from tests.helpers.postgres import PASSWORD, USER, find_server, postgres_server
from tsforecast.data.sources.sql import load
from tsforecast.errors import UserError
from tsforecast.tables.query import QuerySource
from tsforecast.tables.streaming import stream_rows
from tsforecast.tables.table import Hints

pytestmark = pytest.mark.skipif(find_server() is None, reason="there is no PostgreSQL server here (initdb)")

TABLE = """
CREATE TABLE r AS SELECT
  timestamptz '2024-01-01 00:00+01' + i * interval '15 min' AS moment,
  timestamp '2024-01-01' + i * interval '15 min' AS local,
  date '2024-01-01' + i AS day, (i % 96 + 0.25)::numeric(10, 2) AS load, i % 2 = 0 AS flag, 'x' || i AS note,
  CASE WHEN i % 50 > 0 THEN i::float4 END AS number, i::bigint AS big, '{"a": 1}'::jsonb AS json, ARRAY[i] AS list,
  to_char(timestamp '2024-01-01' + i * interval '15 min', 'DD.MM.YYYY HH24:MI') AS written, i * interval '1 h' AS span
FROM generate_series(0, 499) AS i ORDER BY md5(i::text)
"""


@pytest.fixture(scope="module")
def port():
    from adbc_driver_postgresql import dbapi

    with postgres_server() as number:
        url = f"postgresql://{USER}:{PASSWORD.replace('%', '%25')}@127.0.0.1:{number}/postgres"
        with dbapi.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(TABLE)
            cursor.execute("CREATE SEQUENCE counter")
            connection.commit()
        yield number


@pytest.fixture
def url(port, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    return f"postgresql://{USER}@127.0.0.1:{port}/postgres"


def test_all_types_are_read(url):
    series = load(
        url, "SELECT moment, load, flag, note, number, big, json, list, span FROM r", "load", calendar=False
    )
    assert series.features == ("load", "flag", "number", "big")
    i = np.arange(500)
    assert series.time[0] == np.datetime64("2023-12-31T23:00:00")
    np.testing.assert_array_equal(series.column("load"), i % 96 + 0.25)
    np.testing.assert_array_equal(series.column("flag"), i % 2 == 0)
    np.testing.assert_array_equal(series.column("number"), np.where(i % 50 > 0, i, np.nan))
    assert "Times with an offset are read as UTC." in series.notes
    left_out = [note for note in series.notes if note.endswith("was left out.")]
    assert [note.split("'")[1] for note in left_out] == ["note", "json", "list", "span"]


@pytest.mark.parametrize(
    ("time", "step"), [("local", 900), ("day", 86_400), ("written", 900)], ids=["timestamp", "date", "text"]
)
def test_every_type_of_time_is_read(url, time, step):
    series = load(url, f"SELECT {time}, load FROM r", "load", calendar=False)
    assert (series.step, len(series)) == (step, 500)
    np.testing.assert_array_equal(series.column("load"), np.arange(500) % 96 + 0.25)


@pytest.mark.parametrize("time", ["moment", "local"])
def test_prediction_gets_the_rows_in_the_order_of_time(url, time):
    query = f"SELECT {time}, load, note FROM r"
    recipe = load(url, query, "load").recipe
    rows = list(
        stream_rows(QuerySource(url, query).open(Hints.from_recipe(recipe)), ["load"], recipe.time, recipe)
    )
    np.testing.assert_array_equal(
        np.concatenate([piece.columns["load"] for piece in rows]), np.arange(500) % 96 + 0.25
    )


@pytest.mark.parametrize(
    ("query", "match"),
    [
        ("INSERT INTO r (load) VALUES (1)", "only reads"),
        ("WITH w AS (INSERT INTO r (load) VALUES (1) RETURNING load) SELECT * FROM w", "data.query fails"),
        ("SELECT nextval('counter') AS load", "cannot execute nextval.. in a read-only transaction"),
        ("SELECT * FROM r; DROP TABLE r", "data.query fails"),
        ("SELECT * FROM readings", 'data.query fails: relation "readings" does not exist'),
        ("SELECT lod FROM r", 'column "lod" does not exist'),
        ("SELECT 1 / 0 AS load, moment FROM r", "division by zero"),
        ("SELECT moment, 'infinity'::timestamp AS time, load FROM r WHERE big = 1", "one row only"),
        ("SELECT 'infinity'::timestamp AS time, load FROM r", "time"),
    ],
)
def test_wrong_queries_are_refused_in_one_sentence(url, query, match):
    with pytest.raises(UserError, match=match) as caught:
        load(url, query, "load")
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "password", "match"),
    [
        ({USER: "nobody"}, PASSWORD, 'password authentication failed for user "nobody"'),
        ({}, "wrong-secret", "password authentication failed"),
        ({}, None, "no password supplied"),
        ({"/postgres": "/nowhere"}, PASSWORD, 'database "nowhere" does not exist'),
        ({"127.0.0.1": "no-such-host.invalid"}, PASSWORD, "could not translate host name"),
    ],
)
def test_a_failed_connection_is_named_without_the_password(
    url, monkeypatch, tmp_path, change, password, match
):
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    monkeypatch.setenv("PGPASSWORD", password) if password else monkeypatch.delenv("PGPASSWORD")
    for old, new in change.items():
        scheme, rest = url.split("://")
        url = f"{scheme}://{rest.replace(old, new, 1)}"
    with pytest.raises(UserError, match=match) as caught:
        load(url, "SELECT * FROM r", "load")
    assert str(caught.value).startswith("data.connection: ")
    assert not any(secret in str(caught.value) for secret in (PASSWORD, "wrong-secret"))


def test_the_password_may_be_in_a_file_or_in_a_url_of_the_environment(url, monkeypatch, tmp_path):
    monkeypatch.delenv("PGPASSWORD")
    passwords = tmp_path / "pgpass"
    passwords.write_text(f"*:*:*:{USER}:{PASSWORD}\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    assert len(load(url, "SELECT local, load FROM r", "load")) == 500
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    monkeypatch.setenv("PLANT", url.replace("@", f":{PASSWORD.replace('%', '%25')}@"))
    assert len(load("env:PLANT", "SELECT local, load FROM r", "load")) == 500
