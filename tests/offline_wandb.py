"""Reads what W&B writes offline: its log of records, by the format of LevelDB's, and wandb's own protocol buffers."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]  # made when it is imported

BLOCK, HEADER, START = 32768, 7, 7
FULL, FIRST, LAST = 1, 2, 4


@dataclass
class OfflineRun:
    """One run: what was told of it, in the order of its records."""

    name: str = ""
    group: str = ""
    project: str = ""
    sweep: str = ""
    job_type: str = ""
    identifier: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, Any] = field(default_factory=dict)  # name: its record
    exit_code: int | None = None


def records(path: Path) -> Iterator[Record]:
    content = path.read_bytes()
    assert content[:4] == b":W&B"
    place, parts = START, b""
    while place + HEADER <= len(content):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        part = content[place + HEADER : place + HEADER + length]
        place += HEADER + length
        parts = part if kind in (FULL, FIRST) else parts + part
        if kind in (FULL, LAST):
            record = Record()
            record.ParseFromString(parts)
            yield record


def offline_run(folder: Path) -> OfflineRun:
    """The run in an `offline-run-…` folder."""
    (path,) = folder.glob("*.wandb")
    run = OfflineRun()
    for record in records(path):
        match record.WhichOneof("record_type"):
            case "run":
                told = record.run
                run.name, run.group, run.job_type = told.display_name, told.run_group, told.job_type
                run.identifier, run.project, run.sweep = told.run_id, told.project, told.sweep_id
                run.config |= {item.key: json.loads(item.value_json) for item in told.config.update}
            case "config":
                run.config |= {item.key: json.loads(item.value_json) for item in record.config.update}
            case "history":
                run.history.append(_items(record.history.item))
            case "summary":
                run.summary |= _items(record.summary.update)
            case "artifact":
                run.artifacts[record.artifact.name] = record.artifact
            case "exit":
                run.exit_code = record.exit.exit_code
    return run


def _items(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def offline_runs(runs_dir: Path) -> list[OfflineRun]:
    """All runs of a `runs_dir`, oldest first."""
    return [offline_run(folder) for folder in sorted((runs_dir / "wandb").glob("offline-run-*"))]
