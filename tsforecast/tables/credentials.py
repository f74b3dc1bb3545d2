"""Credentials are read from the environment or from files, and never appear in configs, messages or logs."""

import os
import re
from urllib.parse import parse_qsl, unquote, urlsplit

from tsforecast.errors import UserError

ENVIRONMENT = "env:"
SECRET = re.compile(r"passw|passphrase|pwd|secret|token|signature|^sig$|^sas|credential|key", re.IGNORECASE)
IN_QUERY = re.compile(
    r"""['"][^'"]*(?:passw\w*|secret\w*|token)\s*=[^'"]+|\w://[^/\s:@'"]+:[^@\s'"]+@""", re.IGNORECASE
)


def check_secrets(url: object, key: str) -> None:
    """Refuse a URL that contains a password or another secret, which would be stored with the run.

    Args:
        url: URL of a database or of files.
        key: Key of the config that holds it.

    Raises:
        UserError: It does not repeat the URL.

    Example:
        >>> check_secrets("postgresql://reader@db.example/plant", "data.connection")
    """
    if not isinstance(url, str) or not re.match(r"\s*[a-z][a-z0-9+.-]*://", url, re.IGNORECASE):
        return
    try:
        parts = urlsplit(url)
        password, query = parts.password, dict(parse_qsl(parts.query))
    except ValueError:
        raise UserError(f"{key} is not a URL, such as {_example(key)}.") from None
    if password is not None or any(SECRET.search(name) for name in query):
        variable = "FEED_URL" if parts.scheme.startswith("mqtt") else "DATABASE_URL"
        whole = f"the whole URL in an environment variable, as in {key}=env:{variable}"
        where = (
            "it by the environment variables or the profile of the object store (for S3: AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY, or AWS_PROFILE)"
        )
        if parts.scheme.startswith("postgres"):
            where = f"the password in PGPASSWORD or ~/.pgpass, or {whole}"
        elif parts.scheme.startswith("mqtt"):
            where = whole
        raise UserError(
            f"{key} contains a password or another secret, which would be stored with the run: give {where}."
        )


def check_query(query: object, key: str) -> None:
    """Refuse a query that contains a password, as in the connection of another database.

    Raises:
        UserError: It does not repeat the query.
    """
    if isinstance(query, str) and IN_QUERY.search(query):
        raise UserError(
            f"{key} contains a password, which would be stored with the run: leave it to the environment or a file,"
            " such as PGPASSWORD or ~/.pgpass."
        )


def resolve(connection: str, key: str) -> str:
    """Return a URL, read from the environment variable that ``env:NAME`` names.

    Raises:
        UserError: There is no such variable, or the URL itself contains a secret.
    """
    if not connection.startswith(ENVIRONMENT):
        check_secrets(connection, key)
        return connection
    name = connection.removeprefix(ENVIRONMENT)
    if not os.environ.get(name):
        raise UserError(
            f"{key}: the environment variable {name} is not set: export it with the URL of the database."
        )
    return os.environ[name]


def redact(message: str, url: str) -> str:
    """Return a message without the secrets of a URL.

    Example:
        >>> redact("no server at postgresql://u:top@host/db", "postgresql://u:top@host/db")
        'no server at postgresql://u:***@host/db'
    """
    try:
        parts = urlsplit(url)
        secrets = [parts.password, *(value for name, value in parse_qsl(parts.query) if SECRET.search(name))]
    except ValueError:
        return message.replace(url, "***")
    for secret in filter(None, secrets):
        for text in {secret, unquote(secret)}:
            message = message.replace(text, "***")
    return message


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, cut to a sentence's length."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def _example(key: str) -> str:
    return "postgresql://user@host/database" if key.endswith("connection") else "s3://bucket/folder"
