"""What commands ask of their arguments, as argparse's types, and the errors that end them with one line."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from fastnn.formats.files import resolved, visible


class CommandError(ValueError):
    """What keeps a command from its work and is for the user to mend: printed in one line."""


def positive(text: str) -> int:
    """Return a whole number from 1 up."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} isn't a whole number from 1 up")
    return int(text)


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
    try:
        path = Path(resolved(text))
        if path.exists() and not path.is_file():
            raise argparse.ArgumentTypeError(f"{text} isn't a file")
        if not path.parent.is_dir():
            raise argparse.ArgumentTypeError(f"{text}: the folder {path.parent} doesn't exist")
        with tempfile.TemporaryFile(dir=path.parent):
            return path
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} can't be written: {error.strerror}") from None


def target_named(text: str, suffixes: Iterable[str]) -> Path:
    """Return the path of a file that can be written and has one of these suffixes; see `target`."""
    if not text.lower().endswith(tuple(suffixes)):
        raise argparse.ArgumentTypeError(f"{text} isn't a name that ends in {either(suffixes)}")
    return target(text)


def would_replace(target: Path, source: str | os.PathLike[str]) -> bool:
    """Whether writing the target would replace the source: one file, by whatever names."""
    return target.exists() and target.samefile(source)


def printable(text: str) -> str:
    """Return a text with escapes for control characters and for what the output can't hold."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"  # a closed stdout is None
    return visible(text).encode(encoding, "backslashreplace").decode(encoding)


def either(names: Iterable[str]) -> str:
    """Return names as a sentence lists them: .csv, .npy or .parquet."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
