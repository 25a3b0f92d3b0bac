"""What a benchmark writes: figures, pictures, and blocks of a page; whole or not at all."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from fastnn.arguments import target, target_named
from fastnn.formats.files import replacing


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


def page(name: str) -> Callable[[str], Path]:
    """Return what takes the path of a page that has such a block, for argparse; see `block` and `target`."""

    def check(text: str) -> Path:
        path = target(text)
        try:
            block(path, name)
        except (OSError, ValueError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return path

    return check


def block(path: Path, name: str) -> str:
    """Return what stands between a page's lines <!-- name --> and <!-- end name -->."""
    return _parts(path, name)[1]


def write_block(path: Path, name: str, text: str) -> None:
    """Replace what stands between those lines."""
    before, _, after = _parts(path, name)
    write(path, (before + text + after).encode())


def _parts(path: Path, name: str) -> tuple[str, str, str]:
    text = path.read_text(encoding="utf-8")
    start, end = f"<!-- {name} -->\n", f"<!-- end {name} -->"
    before, found, rest = text.partition(start)
    inside, end_found, after = rest.partition(end)
    if not found or not end_found:
        raise ValueError(f"{path} has no lines {start.strip()} and {end}")
    return before + start, inside, end + after
