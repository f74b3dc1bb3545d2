"""Saved networks (``.keras``): what they name, and what their weights take, is looked at before Keras loads them.

Keras' safe mode refuses lambdas and classes of other modules. It does not bound what a small file can make it allocate,
and its HDF5 library follows links to other files.
"""

from __future__ import annotations

import io
import math
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsforecast.errors import UserError
from tsforecast.untrusted.archives import check_archive
from tsforecast.untrusted.records import parse_record

if TYPE_CHECKING:
    import h5py

MEMBERS = ("metadata.json", "config.json", "model.weights.h5")
ADVICE = "take a file that you trust, or train the model again"
# Classes that run code from the file, or load another one.
REFUSED = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "function"}
MAX_SLACK = 4 << 20  # bytes that variables may take beyond the stored weights, such as seeds and tables
MAX_FACTOR = 4  # bytes of variables per stored byte: weights may be stored in half precision
_loading = threading.Lock()


def check_network(path: Path, is_known: Callable[[str | None, str], bool]) -> int:
    """Refuse a saved network that would run code or exhaust memory.

    Args:
        path: The ``.keras`` file.
        is_known: Returns whether a class may be built, by its module and its registered name.

    Returns:
        Bytes of its weights.

    Raises:
        UserError: Saying what is wrong.
    """
    with _open(path) as archive:
        _check_classes(_read_config(archive, path), is_known, str(path))
        return _check_weights(archive.read("model.weights.h5"), str(path))


def read_config(path: Path) -> dict[str, Any]:
    """Return the config of a saved network, whose classes nobody has looked at.

    Args:
        path: The ``.keras`` file.

    Raises:
        UserError: It is not such a file.
    """
    with _open(path) as archive:
        return _read_config(archive, path)


@contextmanager
def _open(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            check_archive(archive, path.stat().st_size, str(path), allowed=MEMBERS)
            yield archive
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, zlib.error, KeyError, OSError, NotImplementedError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _damaged(str(path), reason) from None


def _read_config(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    return parse_record(archive.read("config.json"), f"{path}: config.json", ADVICE)


def _check_classes(node: object, is_known: Callable[[str | None, str], bool], name: str) -> None:
    """Refuse classes that are not known, and those that would run code."""
    if isinstance(node, list):
        for item in node:
            _check_classes(item, is_known, name)
    if not isinstance(node, dict):
        return
    if "class_name" in node:
        label, registered = str(node["class_name"]), node.get("registered_name") or node["class_name"]
        if label in REFUSED or not is_known(node.get("module"), str(registered)):
            where = f"{node.get('module')}.{label}"[:120]
            raise _damaged(name, f"it names {where}, which is not a part of tsforecast's models")
    for item in node.values():
        _check_classes(item, is_known, name)


def _check_weights(content: bytes, name: str) -> int:
    """Return the bytes of the weights of an HDF5 file; refuse links, and arrays that are larger than their content."""
    import h5py

    total = 0
    with h5py.File(io.BytesIO(content), "r") as file:
        for path, item in _walk(file, name):
            if not isinstance(item, h5py.Dataset):
                continue
            plain = not (item.is_virtual or item.external or item.dtype.hasobject)
            size = math.prod(item.shape or (0,)) * item.dtype.itemsize
            if not plain or size > item.id.get_storage_size():
                raise _damaged(name, f"the weights {path} are not stored in it")
            total += size
    return total


def _walk(group: h5py.Group, name: str, depth: int = 0) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    import h5py

    for key in group:
        if not isinstance(group.get(key, getlink=True), h5py.HardLink) or depth > 100:
            raise _damaged(name, f"its weights have a link, {key[:80]!r}")
        item = group[key]
        yield item.name, item
        if isinstance(item, h5py.Group):
            yield from _walk(item, name, depth + 1)


@contextmanager
def limit_variables(stored: int, name: str) -> Iterator[None]:
    """Refuse variables that are far larger than the stored weights, before they are created.

    Args:
        stored: Bytes of the weights.
        name: Name of the file, for the message.

    Raises:
        UserError: A model of the block asks for them.
    """
    import keras

    most, total, thread = MAX_SLACK + MAX_FACTOR * stored, 0, threading.get_ident()
    with _loading:
        add_weight = keras.layers.Layer.add_weight

        def add_limited(
            layer: keras.layers.Layer,
            shape: Sequence[int] | None = None,
            *arguments: object,
            **options: object,
        ) -> keras.Variable:
            nonlocal total
            if threading.get_ident() == thread:
                total += 4 * math.prod(size or 1 for size in shape or ())
                if total > most:
                    raise _damaged(
                        name, f"its config asks for {total:,} bytes of weights, and it has {stored:,}"
                    )
            return add_weight(layer, shape, *arguments, **options)

        keras.layers.Layer.add_weight = add_limited
        try:
            yield
        finally:
            keras.layers.Layer.add_weight = add_weight


def _damaged(name: str, reason: str) -> UserError:
    return UserError(f"{name} is damaged or not safe to load ({reason}): {ADVICE}.")
