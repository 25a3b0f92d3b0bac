"""What a docstring in numpydoc's style says."""

from __future__ import annotations

import builtins
import inspect
import re

import fastnn


def documentation_of(value: object) -> str:
    """Return a docstring without the signature that Cython puts before it."""
    return re.sub(r"\A\w+\([^\n]*\)\n\n", "", inspect.getdoc(value) or "")


def sections(documentation: str) -> dict[str, str]:
    """Return the sections of a docstring in numpydoc's style."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", documentation, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def errors_of(value: object) -> tuple[type[Exception], ...]:
    """Return the errors that something is documented to raise."""
    names = re.findall(r"^\w+$", sections(documentation_of(value)).get("Raises", ""), flags=re.MULTILINE)
    return tuple(getattr(builtins, name, None) or getattr(fastnn, name) for name in names)
