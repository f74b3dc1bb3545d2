import ssl
import subprocess
from types import SimpleNamespace

import pytest

from tsforecast.access.tls import read_certificate
from tsforecast.errors import UserError


def make(folder, name, *more):
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-days",
        "2",
    ]
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
    subprocess.run(
        [*command, *files, "-subj", "/CN=localhost", *(more or ("-nodes",))], check=True, capture_output=True
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tls")
    try:
        make(path, "one"), make(path, "two")
        make(path, "locked", "-passout", "pass:secret")
    except FileNotFoundError:
        pytest.skip("no openssl here")
    return path


def options(certificate, key):
    text = [None if path is None else str(path) for path in (certificate, key)]
    return SimpleNamespace(tls_certificate=text[0], tls_key=text[1])


def test_a_certificate_and_its_key_are_taken(folder):
    certificate = read_certificate(options(folder / "one.pem", folder / "one.key"))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate.file, certificate.key)
    assert read_certificate(options(None, None)) is None


@pytest.mark.parametrize(
    ("certificate", "key", "sentence"),
    [
        ("one.pem", None, "serve.tls_key is not given: HTTPS needs serve.tls_certificate and serve.tls_key"),
        (None, "one.key", "serve.tls_certificate is not given"),
        ("none.pem", "one.key", "serve.tls_certificate: there is no file"),
        ("one.pem", "two.key", "cannot be used together"),
        ("one.key", "one.pem", "cannot be used together"),
        ("locked.pem", "locked.key", "without a password"),
    ],
)
def test_other_files_are_refused(folder, certificate, key, sentence):
    paths = [None if name is None else folder / name for name in (certificate, key)]
    with pytest.raises(UserError, match=sentence):
        read_certificate(options(*paths))
