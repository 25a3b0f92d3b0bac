"""What was seen, in the terminal and in docs/numerics.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import fastnn
from fastnn.bench import files

PRINTED = f"fastnn {fastnn.__version__}, NumPy {np.__version__}."


class Line(NamedTuple):
    """A function's largest error on every instruction set, and where that was."""

    name: str
    limit: str
    errors: Mapping[str, float]
    where: Mapping[str, str]
    kept: bool
    tried: str
    remark: str = ""


def print_line(line: Line) -> None:
    kept = "kept" if line.kept else "EXCEEDED"
    print(f"{line.name:<24} limit {line.limit:<9} {kept:<9} {line.remark}".rstrip())
    for isa, error in line.errors.items():
        print(f"    {isa:<8} {error:.4f} {line.where[isa]}".rstrip(), flush=True)


def write_line(page: Path, line: Line, order: Sequence[str]) -> None:
    """Put a line into the page's table, between its marks, in the place of what was there of that function.

    Lines of other instruction sets than this one's, or of functions that are no more, don't stay.
    """
    head = row(["function", "limit", *line.errors, "tried", ""])
    old = files.block(page, "exhaustive").splitlines()
    kept = [text for text in old[old.index(head) + 2 :] if text] if head in old else []
    lines = {text.split(" | ")[0].removeprefix("| "): text for text in kept}
    lines[line.name] = row(cells(line))
    body = [lines[name] for name in order if name in lines]
    rule = row(["---"] * (len(line.errors) + 4))
    files.write_block(page, "exhaustive", "\n".join([PRINTED, "", head, rule, *body, ""]))


def row(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def cells(line: Line) -> list[str]:
    seen = [f"{error:.3f} {line.where[isa]}".strip() for isa, error in line.errors.items()]
    remark = line.remark if line.kept else f"**exceeded** {line.remark}"
    return [line.name, line.limit, *seen, line.tried, remark]
