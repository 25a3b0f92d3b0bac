"""What others do with the edge cases of tests/edges.py: printed, and written into docs/numerics.md's tables.

Rows and layers are asked for in batches of several sizes; where someone's result depends on the size, all of
them are listed. The exit status is 1 where someone differs from fastnn and the table doesn't say why fastnn
does what it does.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

import fastnn
from fastnn.bench import files

ROOT = Path(__file__).resolve().parents[1]
if TYPE_CHECKING:
    from benchmarks import contenders
    from benchmarks import library_functions as functions
    from tests import edges
else:
    import contenders
    import library_functions as functions

    sys.path.append(str(ROOT / "tests"))
    import edges

Array = functions.Array

DTYPES = ("float32", "float64")
# Rows of a batch, and outputs of a layer.
SHAPES = ((1, 1), (3, 5), (40, 40))
SAME = "same"


def close(got: Array, expected: Array) -> bool:
    """Whether two arrays are the same but for roundings; zeros, infinities and NaN have to be alike."""
    if got.shape != expected.shape:
        return False
    limits = np.finfo(expected.dtype)
    rounded = np.isfinite(expected) & (np.abs(expected) > 8 * limits.smallest_subnormal)
    slack = 1e-6 * np.abs(expected[rounded]) + 2 * limits.smallest_subnormal
    return bool(
        np.all(np.abs(got[rounded] - expected[rounded]) <= slack)
        and np.array_equal(got[~rounded], expected[~rounded], equal_nan=True)
        and np.array_equal(np.signbit(got[expected == 0]), np.signbit(expected[expected == 0]))
    )


def in_words(value: Any) -> str:
    """Return a number as the docs write it."""
    limits, size = np.finfo(value.dtype), abs(value)
    multiple = int(size / limits.smallest_subnormal) if size < limits.tiny else 0
    if np.isnan(value):
        word = "nan"
    elif size == limits.max:
        word = "most"
    elif 0 < multiple < 10:
        word = f"{multiple}*least" if multiple > 1 else "least"
    else:
        word = f"{size:.6g}"
    return edges.shown(f"-{word}" if np.signbit(value) and word != "nan" else word)


def list_of(results: Iterable[Array]) -> str:
    """Return the different ones of some results."""
    return " or ".join(dict.fromkeys(map(one_of, results)))


def one_of(result: Array) -> str:
    words = ", ".join(map(in_words, result))
    return f"({words})" if len(result) != 1 else words


@singledispatch
def observe(line: Any, library: functions.Functions, dtype: str) -> str:
    """Return how someone's results differ from a line's, SAME, or nothing if someone has no such function."""
    raise NotImplementedError


@observe.register
def _(line: edges.FunctionLine, library: functions.Functions, dtype: str) -> str:
    if line.name not in library:
        return ""
    points, expected = (edges.numbers(words, dtype) for words in (edges.POINTS, line.values))
    differing = []
    for point, value in zip(points, expected, strict=True):
        # Alone and in every lane of a few vectors.
        results = [library[line.name](np.full(n, point)) for n in (1, 33)]
        numbers = [result[i : i + 1] for result in results for i in range(len(result))]
        if not all(close(number, np.array([value])) for number in numbers):
            differing.append(f"{list_of(numbers)} for {in_words(point)}")
    return ", ".join(differing) or SAME


@observe.register
def _(line: edges.RowLine, library: functions.Functions, dtype: str) -> str:
    row = edges.numbers(line.row, dtype)
    names = [name for name in functions.ROW_WISE if name in library]
    differing = []
    for name in names:
        expected = edges.numbers(getattr(line, name), dtype)
        try:
            rows = [one for n, _ in SHAPES for one in library[name](np.repeat(row[np.newaxis], n, axis=0))]
        except ValueError as error:
            differing.append(type(error).__name__)
            continue
        if not all(close(one, expected) for one in rows):
            differing.append(f"{name.replace('_', '-')} {list_of(rows)}")
    return ", ".join(dict.fromkeys(differing)) or (SAME if names else "")


@observe.register
def _(line: edges.LayerLine, library: functions.Functions, dtype: str) -> str:
    if "dense" not in library:
        return ""
    weight, x, bias, expected = (edges.numbers(words, dtype) for words in line[:4])
    results = []
    for rows, outputs in SHAPES:
        weights = np.repeat(weight[np.newaxis], outputs, axis=0)
        batch = np.repeat(x[np.newaxis], rows, axis=0)
        results += list(library["dense"](weights, np.repeat(bias, outputs), batch).reshape(-1, 1))
    return SAME if all(close(result, expected) for result in results) else list_of(results)


@observe.register
def _(line: edges.ShapeLine, library: functions.Functions, dtype: str) -> str:
    check = CHECKS.get(line.case)
    if check is None or not {"dense", "softmax"} <= library.keys():
        return ""
    return SAME if check(library, dtype) else "otherwise"


def shape_of(rows: int, outputs: int, library: functions.Functions, dtype: str) -> bool:
    arrays = (np.ones(shape, dtype) for shape in ((outputs, 3), (outputs,), (rows, 3)))
    return bool(library["dense"](*arrays).shape == (rows, outputs))


def others_stay(run: Callable[[Array], Array], bad: float, dtype: str) -> bool:
    """Whether a row that has `bad` in it leaves the others' results as they were, to the last bit."""
    x = np.random.default_rng(0).standard_normal((40, 20)).astype(dtype)
    expected = run(x).copy()
    x[7, 3] = bad
    got = run(x)
    kept = np.delete(got, 7, axis=0).tobytes() == np.delete(expected, 7, axis=0).tobytes()
    return bool(kept and np.isnan(got[7]).all())


def dense_stays(library: functions.Functions, dtype: str) -> bool:
    weight = np.random.default_rng(1).standard_normal((11, 20)).astype(dtype)
    return others_stay(lambda x: library["dense"](weight, np.ones(11, dtype), x), np.nan, dtype)


CHECKS: dict[str, Callable[[functions.Functions, str], bool]] = {
    "a batch of no rows": lambda library, dtype: shape_of(0, 5, library, dtype),
    "a layer of no outputs": lambda library, dtype: shape_of(4, 0, library, dtype),
    "a row with a NaN beside others": dense_stays,
    "a row without a softmax beside others": lambda library, dtype: others_stay(
        library["softmax"], np.inf, dtype
    ),
}


def in_both(line: edges.Line, library: functions.Functions) -> str:
    """Return what someone does with a line in both dtypes."""
    seen = {}
    for dtype in DTYPES:
        with contextlib.suppress(NotImplementedError):
            seen[dtype] = observe(line, library, dtype)
    if len(set(seen.values())) == 1:
        return seen.popitem()[1]
    return ", ".join(f"{words} in {dtype}" for dtype, words in seen.items() if words != SAME)


def others(line: edges.Line, libraries: dict[str, functions.Functions]) -> str:
    """Return the docs' cell on the others."""
    seen = {name: in_both(line, library) for name, library in libraries.items()}
    seen = {name: words for name, words in seen.items() if words}
    differing = dict.fromkeys(words for words in seen.values() if words != SAME)
    named = (f"{', '.join(name for name in seen if seen[name] == words)}: {words}" for words in differing)
    return "; ".join(named) or (SAME if seen else "")


def markdown(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def tables(libraries: dict[str, functions.Functions], unexplained: list[str]) -> Iterator[str]:
    """Yield the docs' lines; add to `unexplained` those where others differ and nothing says why."""
    total = sum(len(table.lines) for table in edges.TABLES)
    with tqdm(total=total, desc="edge cases", leave=False, disable=None) as bar:
        for table in edges.TABLES:
            head = [*table.head, "others", "why"]
            yield from ("", markdown(head), markdown(["---"] * len(head)))
            for line in table.lines:
                seen = others(line, libraries)
                text = markdown([*line.cells, seen, line.why])
                if seen not in ("", SAME) and not line.why:
                    unexplained.append(text)
                bar.update()
                yield text


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="See what others do with the edge cases.")
    parser.add_argument("--write", type=files.page("edge cases"), metavar="PAGE", help="put the tables there")
    options = parser.parse_args(argv)
    asked = {name: library for name, library in functions.LIBRARIES.items() if name != "fastnn"}
    present = {name: one for name, one in asked.items() if contenders.installed(one.modules)}
    versions = [f"{name} {contenders.version(one.modules[0])}" for name, one in present.items()]
    unexplained: list[str] = []
    with np.errstate(all="ignore"):
        libraries = {name: one.functions() for name, one in present.items()}
        text = "\n".join(
            [f"fastnn {fastnn.__version__}; {', '.join(versions)}.", *tables(libraries, unexplained)]
        )
    print(text)
    for name in asked.keys() - present.keys():
        print(f"Left out: {name}, not installed")
    if options.write:
        files.write_block(options.write, "edge cases", f"{text}\n")
    for line in unexplained:
        print(f"not explained: {line}", file=sys.stderr)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
