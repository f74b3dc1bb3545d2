"""Records that are damaged, too large or nested too deeply are refused in one sentence."""

import pytest

from tsforecast.errors import UserError
from tsforecast.untrusted.records import parse_record, read_record


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"", "Expecting value"),
        (b'{"a": 1', "Expecting"),
        (b"\xff\xfe\x00", "decode"),
        (b"[1]", "no JSON object"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "digits"),
    ],
)
def test_a_damaged_record_is_refused(content, words):
    with pytest.raises(UserError, match=rf"^result\.json is damaged \(.*{words}.*\): train again\.$"):
        parse_record(content, "result.json", "train again")


def test_a_record_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text('{"version": "v0001"}')
    assert read_record(path, "promote another", max_bytes=20) == {"version": "v0001"}
    with pytest.raises(UserError, match="has 20 bytes, and at most 19 are read: promote another"):
        read_record(path, "promote another", max_bytes=19)
