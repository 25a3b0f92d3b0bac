"""What was seen, in the terminal and in docs/numerics.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import fastnn
from fastnn.bench import files


class Line(NamedTuple):
    """A function's largest error on every instruction set, and where that was."""

    name: str
    limit: str
    errors: Mapping[str, float]
    where: Mapping[str, str]
    kept: bool
    remark: str = ""


def print_line(line: Line) -> None:
    kept = "kept" if line.kept else "EXCEEDED"
    print(f"{line.name:<24} limit {line.limit:<9} {kept:<9} {line.remark}".rstrip())
    for isa, error in line.errors.items():
        print(f"    {isa:<8} {error:.4f} {line.where[isa]}".rstrip(), flush=True)


def write_table(page: Path, lines: Sequence[Line], every: int) -> None:
    """Replace the page's table, between its marks."""
    files.write_block(page, "exhaustive", table(lines, every))


def table(lines: Sequence[Line], every: int) -> str:
    isas = list(lines[0].errors)
    inputs = "every float32" if every == 1 else f"every {every}th float32"
    rows = [["function", "limit", *isas, ""], ["---"] * (len(isas) + 3)]
    for line in lines:
        seen = [f"{line.errors[isa]:.3f} {line.where[isa]}".strip() for isa in isas]
        remark = line.remark if line.kept else f"**exceeded** {line.remark}"
        rows.append([line.name, line.limit, *seen, remark])
    body = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    head = f"fastnn {fastnn.__version__}, NumPy {np.__version__}; functions of one number: {inputs}."
    return f"{head}\n\n{body}\n"
