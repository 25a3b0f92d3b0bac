"""Where a benchmark writes to: refused before it runs if it can't be written, written whole or not at all."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def target(text: str) -> Path:
    """Return the path of a file that can be written; argparse names the argument where it can't.

    Parameters
    ----------
    text : str
        A path; nothing need be there yet, but the folder.

    Raises
    ------
    argparse.ArgumentTypeError
        If the folder doesn't exist or can't be written, or something else than a file stands there.
    """
    path = Path(text).resolve()
    if path.exists() and not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} isn't a file")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: the folder {path.parent} doesn't exist")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            return path
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} can't be written: {error.strerror}") from None


def picture_target(text: str) -> Path:
    """Return the path of a PNG that can be written; see `target`."""
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"{text} isn't a name that ends in .png")
    return target(text)


def write_json(path: Path, report: Mapping[str, object]) -> None:
    """Write a benchmark's figures."""
    write(path, (json.dumps(report, indent=2) + "\n").encode())


def write(path: Path, data: bytes) -> None:
    """Write a file in one step: whoever looks sees the old one or the new one."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
