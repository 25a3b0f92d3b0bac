"""The dependency groups of pyproject.toml: what a tool imports of one, and which this Python's tests need.

`python tools/groups.py` prints the latter.
"""

from __future__ import annotations

import sys
import sysconfig
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


def of_tests() -> tuple[str, ...]:
    """Return the groups that the tests need; on free-threaded Pythons those that have wheels for them."""
    return ("runner",) if sysconfig.get_config_var("Py_GIL_DISABLED") else ("test", "instructions")


if __name__ == "__main__":
    print(*of_tests())
