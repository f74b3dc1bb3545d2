"""Finding files by a path, a folder, a pattern or a URL, on this machine and in object stores."""

import atexit
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pyarrow as pa
from pyarrow.fs import AzureFileSystem, FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem

from tsforecast.errors import UserError, nearest
from tsforecast.tables.credentials import check_secrets, first_line
from tsforecast.tables.file import File

SUFFIX = re.compile(r"\.(csv|tsv|txt|dat|parquet|pq|parq)(\.(gz|xz|zst|zstd|bz2))?$", re.IGNORECASE)
HIDDEN = re.compile(r"^[._~]|~$|\.(tmp|temp|part|partial|crdownload|swp|crc)$", re.IGNORECASE)
PARTITION = re.compile(r"([^/=]+)=([^/]*)")
UNQUOTED = "/%@:+=,~!$&'();"
WEB = ("http", "https")


@dataclass(frozen=True)
class Listing:
    """The files that a path stands for.

    Args:
        files: In the order of their names.
        folders: For each file, the values that its folders' names state, as in ``site=A/``.
        notes: What was left out.
    """

    files: tuple[File, ...]
    folders: tuple[dict[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_folder(self) -> bool:
        """Whether the path stands for any number of files."""
        return bool(self.folders)


def is_url(path: str) -> bool:
    """Return whether a path names a scheme, such as ``s3://``."""
    return "://" in path


def find_files(path: str) -> Listing:
    """Return the files of a path, a folder, a pattern with ``*`` or a URL.

    A folder is searched with all folders in it. Hidden, temporary and empty files and those that are neither CSV nor
    Parquet by name are left out with a note.

    Raises:
        UserError: There is none; it cannot be read; or the URL contains a secret.
    """
    check_secrets(path, "data.path")
    if urlsplit(path).scheme in WEB and is_url(path):
        return Listing((_download(path),))
    system, inner, prefix = _file_system(path)
    base = _base(inner)
    try:
        info = system.get_file_info(base)
        if info.type == FileType.File and base == inner:
            return Listing((File(inner, system, path),))
        if info.type == FileType.Directory:
            listed = system.get_file_info(FileSelector(base, recursive=True))
            return _select(path, inner, base, prefix, system, listed)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"data.path: {path} cannot be read ({first_line(error)}).") from None
    raise _missing(path, inner)


def _file_system(path: str) -> tuple[FileSystem, str, str]:
    """Return the file system of a path, the path in it, and what precedes that path in the names of files."""
    if not is_url(path):
        local = str(Path(path).expanduser())
        return LocalFileSystem(), local, ""
    if path.startswith(("az://", "abfs://", "abfss://")) and "@" not in path:
        account = os.environ.get("AZURE_STORAGE_ACCOUNT")
        if not account:
            raise UserError(f"data.path: {path} needs the name of the account in AZURE_STORAGE_ACCOUNT.")
        return AzureFileSystem(account), path.partition("://")[2].rstrip("/"), "az://"
    scheme, _, rest = path.partition("://")
    location, _, options = rest.partition("?")
    base = _base(location)
    try:
        url = f"{scheme}://{quote(base, safe=UNQUOTED)}" + (f"?{options}" if options else "")
        system, inner = FileSystem.from_uri(url)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(
            f"data.path: {path} cannot be opened ({first_line(error)}): give a file, a folder, or a URL such as"
            " s3://bucket/folder."
        ) from None
    inner = unquote(inner).rstrip("/")
    if base != location:
        inner += location.removeprefix(base.rstrip("/"))
    return system, inner, "" if scheme == "file" else f"{scheme}://"


def _base(path: str) -> str:
    """Return the part of a path before the first name with ``*`` or ``[``."""
    if not re.search(r"[*\[]", path) or ("://" not in path and Path(path).exists()):
        return path
    before = re.split(r"[*\[]", path)[0]
    return before.rpartition("/")[0] or ("/" if before.startswith("/") else ".")


def _select(
    path: str, inner: str, base: str, prefix: str, system: FileSystem, listed: list[FileInfo]
) -> Listing:
    """Return the files of a listing that fit the pattern and hold a table, and notes on the others."""
    fits = re.compile(_pattern(inner)) if base != inner else None
    files, folders, skipped = [], [], []
    for info in sorted(listed, key=lambda info: info.path):
        if info.type != FileType.File or (fits is not None and not fits.fullmatch(_relative(info.path, "."))):
            continue
        relative = _relative(info.path, base)
        if any(HIDDEN.search(part) for part in relative.split("/")):
            skipped.append((relative, "hidden or temporary"))
        elif not SUFFIX.search(relative) and fits is None:
            skipped.append((relative, "neither CSV nor Parquet by its name"))
        elif info.size == 0:
            skipped.append((relative, "empty"))
        else:
            files.append(File(info.path, system, f"{prefix}{info.path}"))
            folders.append(dict(PARTITION.findall(relative.rpartition("/")[0])))
    if not files:
        raise _none(path, skipped)
    names = dict.fromkeys(name for folder in folders for name in folder)
    columns = tuple({name: unquote(folder.get(name, "")) for name in names} for folder in folders)
    return Listing(tuple(files), columns, _skip_notes(skipped))


def _relative(path: str, base: str) -> str:
    return path.removeprefix("./") if base == "." else path.removeprefix(base).lstrip("/")


def _pattern(glob: str) -> str:
    """Return the regular expression of a pattern in which ``**`` stands for any folders."""
    parts = re.split(r"(\*\*/?|\*|\[[^\]]+\])", glob.removeprefix("./"))
    known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*"}
    return "".join(
        known.get(part, part.replace("[!", "[^") if part.startswith("[") else re.escape(part))
        for part in parts
    )


def _skip_notes(skipped: list[tuple[str, str]]) -> tuple[str, ...]:
    notes = []
    for why in dict.fromkeys(why for _, why in skipped):
        names = [name for name, reason in skipped if reason == why]
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")
        count = "1 file was" if len(names) == 1 else f"{len(names):,} files were"
        notes.append(f"{count} left out, {why}: {shown}.")
    return tuple(notes)


def _none(path: str, skipped: list[tuple[str, str]]) -> UserError:
    if not skipped:
        return UserError(
            f"data.path: {path} has no file: name a folder or a pattern with CSV or Parquet files."
        )
    name, why = skipped[0]
    return UserError(f"data.path: {path} has no CSV or Parquet file ({name} is {why}): name one that has.")


def _missing(path: str, inner: str) -> UserError:
    if is_url(path):
        return UserError(f"data.path: there is no file and no folder {path}.")
    folder = Path(inner).parent
    names = [file.name for file in folder.glob("*")] if folder.is_dir() else []
    return UserError(f"data.path: there is no file {path}.{nearest(Path(inner).name, names)}")


@lru_cache(maxsize=8)
def _download(url: str) -> File:
    """Return a copy of a file of the web, kept until the process ends."""
    folder = tempfile.mkdtemp(prefix="tsforecast-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / (Path(urlsplit(url).path).name or "table")
    try:
        with urllib.request.urlopen(url, timeout=60) as response, open(path, "wb") as file:
            shutil.copyfileobj(response, file)
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise UserError(f"data.path: {url} cannot be read ({first_line(error)}).") from None
    return File(str(path), label=url)
