"""Files by path, folder, pattern and URL: what is found, what is left out, and no secret in a message."""

import http.server
import threading

import pytest

from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.tables.file_source import FileSource
from tsforecast.tables.locations import find_files


def lines(first, count):
    return "time,load\n" + "".join(
        f"2024-01-01 {i // 60:02d}:{i % 60:02d},{i}\n" for i in range(first, first + count)
    )


@pytest.fixture
def folder(tmp_path):
    names = [
        "b.csv",
        "a.csv",
        ".a.csv.swp",
        "_SUCCESS",
        "a.csv.crc",
        "new.csv.part",
        "~lock.csv",
        "notes.md",
        "sub/c.csv",
        "sub/_temporary/d.csv",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(lines({"a": 0, "b": 60, "c": 120}.get((tmp_path / name).stem, 0), 60))
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "sub" / "only_hidden").mkdir()
    (tmp_path / "sub" / "only_hidden" / ".x.csv").write_text("time,load")
    return tmp_path


def names(found, folder):
    return [str(file).removeprefix(f"{folder}/") for file in found.files]


def test_hidden_temporary_empty_and_other_files_are_left_out_with_a_note(folder):
    found = find_files(str(folder))
    assert names(found, folder) == ["a.csv", "b.csv", "sub/c.csv"]
    assert found.notes == (
        "7 files were left out, hidden or temporary: .a.csv.swp, _SUCCESS, a.csv.crc and 4 more.",
        "1 file was left out, empty: empty.csv.",
        "1 file was left out, neither CSV nor Parquet by its name: notes.md.",
    )
    assert load(str(folder), "load").notes[1:4] == found.notes


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.csv", ["a.csv", "b.csv"]),
        ("[a-b].csv", ["a.csv", "b.csv"]),
        ("[!a].csv", ["b.csv"]),
        ("**/*.csv", ["a.csv", "b.csv", "sub/c.csv"]),
        ("*/c.csv", ["sub/c.csv"]),
        ("sub", ["sub/c.csv"]),
        ("sub/", ["sub/c.csv"]),
        ("notes.*", ["notes.md"]),
    ],
)
def test_patterns_select_files(folder, pattern, expected, monkeypatch):
    assert names(find_files(f"{folder}/{pattern}"), folder) == expected
    assert names(find_files(f"file://{folder}/{pattern}"), folder) == expected
    monkeypatch.chdir(folder)
    assert [str(file).removeprefix("./") for file in find_files(pattern).files] == expected


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    (tmp_path / "load [MW].csv").write_text(lines(0, 60))
    assert len(load(str(tmp_path / "load [MW].csv"), "load")) == 60


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x/plant.csv.gz", "plant"),
        ("x/plant/", "plant"),
        ("x/plant/*.csv", "plant"),
        ("s3://b/plant?region=x", "plant"),
    ],
)
def test_the_series_is_named_after_the_file_or_folder(path, name):
    assert FileSource(path).name == name


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("{}/nothing.csv", "there is no file"),
        ("{}/nothing/*.csv", "there is no file"),
        ("{}/*.parquet", "has no file"),
        ("{}/sub/only_hidden", r"has no CSV or Parquet file .\.x.csv is hidden or temporary"),
        ("s3://key:top-secret@bucket/x", "contains a password"),
        ("s3://bucket/x?secret_key=top-secret", "contains a password"),
        ("https://host/x.csv?X-Amz-Signature=top-secret", "contains a password"),
        ("ftp://host/x.csv", "cannot be opened"),
        ("az://container/x", "AZURE_STORAGE_ACCOUNT"),
        ("http://127.0.0.1:9/x.csv", "cannot be read"),
    ],
)
def test_what_is_not_there_is_refused_in_one_sentence(folder, path, match, monkeypatch):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT", raising=False)
    with pytest.raises(UserError, match=match) as caught:
        load(path.format(folder), "load")
    assert "top-secret" not in str(caught.value)


@pytest.fixture(scope="module")
def bucket():
    """A server of the S3 protocol with the bucket ``plant``."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "reader")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "top-secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="plant")
        for key, first in (("a b/site=A/2.csv", 0), ("a b/site=A/1.csv", 60), ("a b/_SUCCESS", 0)):
            client.put_object(Bucket="plant", Key=key, Body=lines(first, 60).encode())
        yield "s3://plant"
    server.stop()


@pytest.mark.parametrize("path", ["a b", "a%20b", "a b/site=A/*.csv", "a b/**/[12].csv", "a b/site=A/2.csv"])
def test_objects_of_a_bucket_are_read_like_files(bucket, path):
    series = load(f"{bucket}/{path}", "load", calendar=False)
    assert series.values[:, 0].tolist() == list(range(60 if path.endswith("2.csv") else 120))
    assert not any("top-secret" in note for note in series.notes)


@pytest.mark.parametrize("path", ["/nothing", "/a b/*.parquet", "-without/x"])
def test_objects_that_are_not_there_are_refused(bucket, path):
    with pytest.raises(UserError, match=r"there is no file and no folder|has no file|cannot be"):
        load(f"{bucket}{path}", "load")


def test_a_file_of_the_web_is_read_once(folder):
    requests = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments):
            requests.append(arguments)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/a.csv"
        series = load(url, "load", calendar=False)
        assert (series.name, len(series)) == ("a", 60)
        with pytest.raises(UserError, match=r"cannot be read .*404"):
            load(url.replace("a.csv", "z.csv"), "load")
        server.shutdown()
    assert len(requests) == 3  # the file, and one failure that the server logs twice
