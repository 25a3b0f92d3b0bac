"""What a tool imports of a dependency group of pyproject.toml, or a line that says how to install it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def group(name: str) -> Iterator[None]:
    """End the tool with that line if a package that is imported within isn't installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        sys.exit(f"{Path(sys.argv[0]).name} needs {missing}: pip install --group {name}")
