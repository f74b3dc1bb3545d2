import pytest

from tsforecast.access.tokens import CHECK_SECONDS, TokenSource, parse_tokens
from tsforecast.errors import UserError

PLANT, OTHER = "Zs7yN4uHj9aLe3Pd", "Gk6tR2vQw8nXc5Mb"


def bearer(token):
    return f"Bearer {token}".encode()


def test_one_token_alone_may_do_everything(tmp_path):
    (tmp_path / "token").write_text("short\n")
    client = TokenSource.from_file(str(tmp_path / "token")).find(bearer("short"))
    assert all(client.may(scope) for scope in ("read", "write", "admin"))


def test_each_line_has_its_own_scopes():
    text = f"# who  what  token\ndashboard read {OTHER}\n\nplant read,write {PLANT}\n"
    source = TokenSource(parse_tokens(text, "tokens"))
    dashboard, plant = source.find(bearer(OTHER)), source.find(bearer(PLANT))
    assert (dashboard.name, dashboard.may("read"), dashboard.may("write")) == ("dashboard", True, False)
    assert (plant.name, plant.may("write"), plant.may("admin")) == ("plant", True, False)


@pytest.mark.parametrize(
    "header", [b"", b"Bearer", b"Bearer ", b"Basic " + PLANT.encode(), bearer(PLANT + "x"), PLANT.encode()]
)
def test_other_headers_belong_to_nobody(header):
    assert TokenSource.fixed(PLANT).find(header) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("# nothing\n", "is empty"),
        (f"plant {PLANT}", "line 1: give a name, scopes such as read,write and a token"),
        (f"plant reed {PLANT}", "'reed' is not a scope. Did you mean 'read'?"),
        ("plant read abc", "fewer than 16 characters"),
        (f"a read {PLANT}\nb read {PLANT}", "line 2: the token is given twice"),
        (f"a read {PLANT[:-1]}é", "printable ASCII"),
    ],
)
def test_wrong_files_are_refused_without_the_token(text, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        parse_tokens(text, "tokens")
    assert PLANT not in str(error.value)


def test_tokens_are_rotated_without_a_restart_and_a_wrong_file_changes_nothing(tmp_path, capsys):
    now, path = [0.0], tmp_path / "tokens"
    path.write_text(f"plant write {PLANT}\n")
    source = TokenSource(parse_tokens(path.read_text(), "tokens"), path, clock=lambda: now[0])
    path.write_text(f"plant write {PLANT}\nplant write {OTHER}\n")
    assert source.find(bearer(OTHER)) is None
    now[0] += CHECK_SECONDS
    assert source.find(bearer(OTHER)) == source.find(bearer(PLANT))
    path.write_text(f"plant nothing {OTHER}\n")
    now[0] += CHECK_SECONDS
    assert source.find(bearer(PLANT)) is not None
    assert "The tokens stay as they were" in capsys.readouterr().err
    path.write_text(f"plant write {OTHER}\n")
    now[0] += CHECK_SECONDS
    assert source.find(bearer(PLANT)) is None
    path.unlink()
    now[0] += CHECK_SECONDS
    assert source.find(bearer(OTHER)) is not None
