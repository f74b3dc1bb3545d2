"""HTTPS with a certificate from files."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tsforecast.access.tokens import existing_file
from tsforecast.errors import UserError

if TYPE_CHECKING:
    from tsforecast.serving.options import ServeOptions


@dataclass(frozen=True)
class Certificate:
    """Files of a certificate.

    Args:
        file: The certificate and its chain, PEM.
        key: Its key, PEM, without a password.
    """

    file: Path
    key: Path


def read_certificate(options: ServeOptions) -> Certificate | None:
    """Return the certificate of the service; None for HTTP.

    Raises:
        UserError: One of the two files is not given, does not exist, or they do not belong together.
    """
    names = {"serve.tls_certificate": options.tls_certificate, "serve.tls_key": options.tls_key}
    if all(name is None for name in names.values()):
        return None
    paths = []
    for key, name in names.items():
        if name is None:
            raise UserError(f"{key} is not given: HTTPS needs {' and '.join(names)}.")
        paths.append(existing_file(name, key))
    certificate = Certificate(*paths)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate.file, certificate.key, password=_refuse_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise UserError(
            f"serve.tls_certificate={certificate.file} and serve.tls_key={certificate.key} cannot be used together"
            f" ({reason}): give a PEM certificate and its key without a password."
        ) from None
    return certificate


def _refuse_password() -> str:
    raise ValueError("the key has a password")
