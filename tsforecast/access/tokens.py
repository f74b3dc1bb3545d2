"""Bearer tokens with scopes, from a file that may change while the service runs.

The file holds either one token, which may do everything, or one line per token: a name, its scopes and the token.

    # name     scopes      token
    dashboard  read        2Fq0mK8c5rT1xWbV
    plant      read,write  Zs7yN4uHj9aLe3Pd
    operator   admin       Gk6tR2vQw8nXc5Mb

Two lines of one name are two valid tokens of it: add the new one, change the clients, and remove the old one.
"""

import hashlib
import hmac
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tsforecast.errors import UserError, nearest

SCOPES = ("read", "write", "admin")
ALL = frozenset(SCOPES)
MIN_LENGTH = 16  # of a token that has a name
CHECK_SECONDS = 1.0  # between two looks at the file
SCHEME = b"Bearer "


@dataclass(frozen=True)
class Client:
    """Who a token belongs to.

    Args:
        name: Name, for limits and messages.
        scopes: ``read``: all GET requests; ``write``: rows, truths and windows; ``admin``: both, and the audit log.
    """

    name: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Return whether a scope is among those of the client."""
        return scope in self.scopes or "admin" in self.scopes


Tokens = dict[bytes, Client]  # by the SHA-256 of the token


def parse_tokens(text: str, key: str) -> Tokens:
    """Return the tokens of a file.

    Args:
        text: Content of the file.
        key: Where it comes from, for messages.

    Raises:
        UserError: It contains no token, or a line that is wrong; tokens are not repeated in the message.

    Example:
        >>> tokens = parse_tokens("plant read,write Zs7yN4uHj9aLe3Pd", "serve.token_file")
        >>> [sorted(client.scopes) for client in tokens.values()]
        [['read', 'write']]
    """
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, words) for number, words in lines if words and not words[0].startswith("#")]
    if not lines:
        raise UserError(f"{key} is empty.")
    if len(lines) == 1 and len(lines[0][1]) == 1:
        _check_characters(lines[0][1][0], key)
        return {_digest(lines[0][1][0].encode()): Client("default", ALL)}
    tokens: Tokens = {}
    for number, words in lines:
        where = f"{key}, line {number}"
        if len(words) != 3:
            raise UserError(f"{where}: give a name, scopes such as read,write and a token, apart by blanks.")
        name, scopes, token = words[0], frozenset(words[1].split(",")), words[2]
        unknown = next((scope for scope in sorted(scopes) if scope not in SCOPES), None)
        if unknown is not None:
            raise UserError(
                f"{where}: '{unknown}' is not a scope.{nearest(unknown, SCOPES)} Choose {_list(SCOPES)}."
            )
        _check_characters(token, where)
        if len(token) < MIN_LENGTH:
            raise UserError(f"{where}: the token has fewer than {MIN_LENGTH} characters: make it longer.")
        digest = _digest(token.encode())
        if digest in tokens:
            raise UserError(f"{where}: the token is given twice: give each client one of its own.")
        tokens[digest] = Client(name, scopes)
    return tokens


class TokenSource:
    """The tokens that are valid now.

    Args:
        tokens: Tokens by their digests.
        path: File to read them from again when it changes; None: they stay.
        key: Option that names the file.
        clock: Returns seconds that never go back.

    Example:
        >>> TokenSource.fixed("secret").find(b"Bearer secret").name
        'default'
    """

    def __init__(
        self,
        tokens: Tokens,
        path: Path | None = None,
        key: str = "serve.token_file",
        clock: Callable[[], float] = time.monotonic,
    ):
        self._tokens, self._path, self._key, self._clock = tokens, path, key, clock
        self._state = _file_state(path)
        self._next = clock() + CHECK_SECONDS

    @classmethod
    def fixed(cls, token: str) -> "TokenSource":
        """Return a source of one token that may do everything."""
        return cls(parse_tokens(token, "The token"))

    @classmethod
    def from_file(cls, file: str, key: str = "serve.token_file") -> "TokenSource":
        """Return the tokens of a file.

        Raises:
            UserError: There is no such file, or its content is wrong.
        """
        path = existing_file(file, key)
        return cls(parse_tokens(read_text(path, key), f"{key}: {path}"), path, key)

    def find(self, header: bytes) -> Client | None:
        """Return the client of the header ``Authorization``; None if its token is not valid."""
        self._refresh()
        if not header.startswith(SCHEME):
            return None
        digest, client = _digest(header[len(SCHEME) :]), None
        for known, owner in self._tokens.items():
            if hmac.compare_digest(digest, known):
                client = owner
        return client

    def _refresh(self) -> None:
        now = self._clock()
        if self._path is None or now < self._next:
            return
        self._next, state = now + CHECK_SECONDS, _file_state(self._path)
        if state == self._state:
            return
        self._state = state
        try:
            self._tokens = parse_tokens(read_text(self._path, self._key), f"{self._key}: {self._path}")
        except UserError as error:
            print(f"The tokens stay as they were: {error}", file=sys.stderr, flush=True)


def existing_file(file: str, key: str) -> Path:
    """Return the path of a file that an option names.

    Args:
        file: The file.
        key: The option.

    Raises:
        UserError: The file does not exist.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise UserError(f"{key}: there is no file {path}.")
    return path


def read_text(path: Path, key: str) -> str:
    """Return the text of a file that an option names.

    Raises:
        UserError: The file cannot be read, or is not text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{key}: {path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise UserError(f"{key}: {path} is not text in UTF-8: write the token into it as text.") from None


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _file_state(path: Path | None) -> tuple[int, ...] | None:
    try:
        stat = None if path is None else path.stat()
    except OSError:
        return None
    return None if stat is None else (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _check_characters(token: str, where: str) -> None:
    if not (token.isascii() and token.isprintable()):
        raise UserError(f"{where}: a token must be printable ASCII without blanks.")


def _list(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
