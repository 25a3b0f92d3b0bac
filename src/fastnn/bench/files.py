"""Where a benchmark writes to: refused before it runs if it can't be written, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from fastnn.arguments import target, target_named
from fastnn.formats.files import replacing

__all__ = ["picture_target", "target", "write", "write_json"]


def picture_target(text: str) -> Path:
    """Return the path of a PNG that can be written; see `target`."""
    return target_named(text, [".png"])


def write_json(path: Path, report: Mapping[str, object]) -> None:
    """Write a benchmark's figures."""
    write(path, (json.dumps(report, indent=2) + "\n").encode())


def write(path: Path, data: bytes) -> None:
    """Write a file in one step: whoever looks sees the old one or the new one."""
    with replacing(path) as file:
        file.write(data)
