"""Reads an offline run's ``.wandb`` file: protobuf records in LevelDB's log format (blocks of 32 KiB)."""

import json
import struct
import time
from pathlib import Path

_BLOCK = 32768
_HEADER = struct.Struct("<IHB")  # checksum, length, type (1 whole, 2 first, 3 middle, 4 last)


def records(path):
    """Yields the whole records of a ``.wandb`` file as ``wandb`` protobuf messages."""
    from wandb.proto.wandb_internal_pb2 import Record

    data = Path(path).read_bytes()
    if data[:4] != b":W&B":
        raise ValueError(f"{path} is not a .wandb file")
    position, message = 7, b""
    while position + _HEADER.size <= len(data):
        left = _BLOCK - position % _BLOCK
        if left < _HEADER.size:  # padding
            position += left
            continue
        _, length, kind = _HEADER.unpack_from(data, position)
        position += _HEADER.size
        if position + length > len(data):  # cut by a kill, or still being written
            return
        message += data[position : position + length]
        position += length
        if kind in (1, 4):
            record = Record()
            record.ParseFromString(message)
            message = b""
            yield record


def read_run(folder, seconds=20.0):
    """Reads the offline runs under a run's folder, oldest first, once all are closed.

    W&B writes from a process of its own, so a run's last records may come a moment after ``finish`` returns.

    Args:
        folder: the run's folder.
        seconds: how long to wait for runs that are not closed; then they are returned as they are.

    Returns:
        A list of dicts: id, name, group, job, project, tags, config, commit, history (rows), summary, artifacts
        (type, name, files, metadata, aliases, whether it is an input), exit_code (None where the run was not closed).
    """
    paths = sorted(Path(folder).glob("wandb/offline-run-*/run-*.wandb"))
    end = time.monotonic() + seconds
    while True:
        runs = [_read_one(path) for path in paths]
        if time.monotonic() > end or all(run["exit_code"] is not None for run in runs):
            return runs
        time.sleep(0.05)


def _read_one(path):
    run = {"history": [], "summary": {}, "artifacts": [], "alerts": [], "exit_code": None, "commit": None}
    for record in records(path):
        kind = record.WhichOneof("record_type")
        message = getattr(record, kind)
        if kind == "run":
            run.update(
                id=message.run_id, name=message.display_name, group=message.run_group, job=message.job_type
            )
            run.update(project=message.project, tags=list(message.tags), config=_items(message.config.update))
        elif kind == "environment" and message.HasField("git"):
            run["commit"] = message.git.commit
        elif kind == "history":
            run["history"].append(_items(message.item))
        elif kind == "summary":
            run["summary"].update(_items(message.update))
        elif kind == "artifact":
            files = [entry.path for entry in message.manifest.contents]
            facts = json.loads(message.metadata or "{}")
            entry = (
                message.type,
                message.name,
                files,
                facts,
                set(message.aliases),
                message.use_after_commit,
            )
            run["artifacts"].append(entry)
        elif kind == "alert":
            run["alerts"].append((message.title, message.text))
        elif kind == "exit":
            run["exit_code"] = message.exit_code
    return run


def _items(items):
    return {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}
