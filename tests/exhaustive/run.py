"""Prove docs/numerics.md's table: every float32 through every function on every instruction set."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from functions import F32, SWEPT
from products import DEPTHS, sweep_products
from report import Line, print_line, write_line
from softmax_rows import n_batches, sweep_rows
from support import limit as limit_of
from sweep import CHUNK, PATTERNS, Result, sweep
from test_dense import ERROR_LIMIT
from tqdm import tqdm

from fastnn._core.dispatch import available_isas
from fastnn.cli import INTERRUPTED

ROW_FUNCTIONS = ("softmax", "log_softmax")
DENSE = "dense"
ALL = (*SWEPT, *ROW_FUNCTIONS, DENSE)


class Effort(NamedTuple):
    """How much is tried: every so many inputs, numbers in a batch of rows, layers of each shape and kind."""

    every: int
    elements: int
    seeds: int


WHOLE = Effort(every=1, elements=2**18, seeds=4)
SHORT = Effort(every=251, elements=2**12, seeds=1)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="try every Nth input only")
    parser.add_argument(
        "--functions", nargs="+", default=ALL, choices=ALL, metavar="NAME", help=", ".join(ALL)
    )
    parser.add_argument("--isa", nargs="+", default=available_isas(), choices=available_isas())
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table into this page")
    options = parser.parse_args(arguments)
    if options.every < 1:
        parser.error(f"--every is {options.every}, expected at least 1")
    effort = WHOLE if options.every == 1 else Effort(options.every, SHORT.elements, SHORT.seeds)
    start = time.perf_counter()
    try:
        lines = []
        for name in options.functions:
            lines.append(line_of(name, options.isa, effort))
            if options.write:
                write_line(options.write, lines[-1], ALL)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    print(f"{(time.perf_counter() - start) / 60:.1f} minutes")
    kept = all(line.kept for line in lines)
    print("every limit is kept" if kept else "a limit is exceeded")
    return 0 if kept else 1


def line_of(name: str, isas: Sequence[str], effort: Effort) -> Line:
    """Measure a function on every instruction set, with progress, and print what was seen."""
    totals = {DENSE: len(DEPTHS), **dict.fromkeys(ROW_FUNCTIONS, n_batches())}
    total = totals.get(name, -(-PATTERNS // effort.every))
    with tqdm(total=total, desc=name, leave=False, disable=None, unit_scale=True, unit="") as bar:
        if name == DENSE:
            line = dense_line(isas, effort, bar)
        elif name in ROW_FUNCTIONS:
            line = rows_line(name, isas, effort, bar)
        else:
            result = sweep(SWEPT[name], isas, effort.every, lambda: bar.update(CHUNK))
            line = swept_line(name, result, effort)
    print_line(line)
    return line


def swept_line(name: str, result: Result, effort: Effort) -> Line:
    errors = {isa: worst.error for isa, worst in result.worst.items()}
    where = {isa: f"at {worst.z:.9g}" if worst.error else "" for isa, worst in result.worst.items()}
    limit = SWEPT[name].limit
    remarks = difference(result.differing)
    if SWEPT[name].odd:
        remarks.append(f"{result.asymmetric} times not odd" if result.asymmetric else "odd to the last bit")
    kept = max(errors.values()) <= limit and not result.differing and not result.asymmetric
    tried = "all 2³²" if effort.every == 1 else f"every {effort.every}th"
    return Line(name, f"{limit:g} ULP", errors, where, kept, tried, ", ".join(remarks))


def difference(differing: int) -> list[str]:
    """Return what there is to say of results that should have the same bits."""
    return [f"{differing} results differ between instruction sets"] if differing else []


def rows_line(name: str, isas: Sequence[str], effort: Effort, bar: tqdm[None]) -> Line:
    seen, differing = sweep_rows(name, isas, effort.elements, bar.update)
    errors = {isa: worst.ulp for isa, worst in seen.items()}
    where = {isa: f"in a row of {worst.length}" for isa, worst in seen.items()}
    limit = limit_of(name, F32)
    sums = max(worst.sum for worst in seen.values())
    remarks = [f"sums to 1 within {sums:.2f} m 2^-24"] if name == "softmax" else []
    kept = max(errors.values()) <= limit and sums <= 1 and not differing
    remark = ", ".join(remarks + difference(differing))
    return Line(name, f"{limit:g} ULP", errors, where, kept, "rows", remark)


def dense_line(isas: Sequence[str], effort: Effort, bar: tqdm[None]) -> Line:
    seen, differing = sweep_products(isas, effort.seeds, bar.update)
    errors = {isa: worst.units for isa, worst in seen.items()}
    where = {isa: f"K = {worst.depth}, {worst.kind}" for isa, worst in seen.items()}
    gamma = max(worst.gamma for worst in seen.values())
    kept = max(errors.values()) <= ERROR_LIMIT and gamma <= 1 and not differing
    remark = ", ".join([f"at most {gamma:.2f} of the a-priori bound", *difference(differing)])
    return Line(DENSE, f"{ERROR_LIMIT:g} units", errors, where, kept, "layers", remark)


if __name__ == "__main__":
    sys.exit(main())
