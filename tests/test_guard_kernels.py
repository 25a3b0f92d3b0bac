"""Contract 3 for each kernel of the table: no read or write outside its arrays, for sizes from 0 to 3 tiles.

Each argument lies flush against a page that can't be touched, at its end and then at its start, the packed
parameters too, and what lies between strided rows stays as it was. test_guard.py does the same with whole
networks. The sweep of each instruction set runs in a process of its own: this file, run as a program.
"""

from __future__ import annotations

import faulthandler
import sys
from collections.abc import Callable
from functools import partial
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import kernel_table
from guarded import Guarded, run_apart
from support import ELEMENTWISE, ROW_WISE, Array, every_dtype, every_isa, kernels, same_bits

from fastnn._core.activation_names import Chosen, parse
from fastnn._core.engine import pack, pad_rows

if not kernel_table.HEADER.exists():
    pytest.skip("table.h isn't beside the tests", allow_module_level=True)

UNTOUCHED = -77.0


def up_to(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def strided(rows: int, width: int, stride: int, dtype: Any) -> tuple[Array, Array]:
    """Return memory that ends with the last row, and its rows; all of it is UNTOUCHED."""
    memory = np.full(max((rows - 1) * stride + width, 0) if rows else 0, UNTOUCHED, dtype)
    return memory, rows_in(memory, rows, width, stride)


def rows_in(memory: Array, rows: int, width: int, stride: int) -> Array:
    steps = (stride * memory.itemsize, memory.itemsize)
    return np.lib.stride_tricks.as_strided(memory, (rows, width), steps)


def chosen(activation: Chosen) -> dict[str, Any]:
    return {"activation": activation.number, "parameters": activation.parameters}


class Sweep:
    """One instruction set's kernels for one dtype, and guarded memory for their arguments."""

    def __init__(self, isa: str, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.kernels = kernels(dtype, isa)
        self.table = kernel_table.kernel_table(dtype, isa)
        self.memory = {name: Guarded(96) for name in ("x", "panels", "start", "out")}
        self.rng = np.random.default_rng(0)

    def random(self, *shape: int) -> Array:
        return self.rng.standard_normal(shape).astype(self.dtype)

    def run(self) -> None:
        """Run every kernel that has memory to stray from."""
        self.sweep_elementwise()
        self.sweep_normalize()
        self.sweep_dense()
        self.sweep_dots()
        self.sweep_columns()
        self.sweep_moves()

    def dense(self, at_end: bool | None, out: Array, arrays: dict[str, Array], **sizes: Any) -> Array:
        """Run the kernel on guarded copies, or (at_end None) on the arrays; return the memory of out."""
        arrays = {**arrays, "out": out}
        if at_end is not None:
            arrays = {name: self.memory[name].place(array, at_end) for name, array in arrays.items()}
        pointers = {name: array.ctypes.data for name, array in arrays.items()}
        self.table.dense(kernel_table.ctypes.byref(kernel_table.DenseJob(**pointers, **sizes)))
        return arrays["out"]

    def check_dense(self, arrays: dict[str, Array], out_stride: int, used: int, **sizes: Any) -> None:
        """Compare results in ordinary memory and between guards; of a row, `used` reals may be written."""
        rows, width = sizes["rows"], sizes["width"]
        out, _ = strided(rows, used, out_stride, self.dtype)
        expected = self.dense(None, out.copy(), arrays, out_stride=out_stride, **sizes)
        for at_end in (True, False):
            got = self.dense(at_end, out, arrays, out_stride=out_stride, **sizes)
            assert same_bits(*(rows_in(a, rows, width, out_stride) for a in (got, expected))), sizes
            assert np.all(np.delete(got, positions(rows, used, out_stride)) == UNTOUCHED), sizes

    def sweep_dense(self) -> None:
        # Each width with one depth and one activation, and every number of rows.
        table = self.table
        depths = cycle([0, 1, 2, 3, 15, 16, 17, 48, 49, 289, 337])
        names = cycle([*ELEMENTWISE, *ROW_WISE])
        for width in range(3 * table.panel + 2):
            depth, activation = next(depths), parse(next(names))
            weight = self.random(width, depth)
            arrays = {
                "panels": pack(weight, table.panel, table.lanes),
                "start": self.random(up_to(width, table.panel)),
            }
            padded_width = up_to(width, table.lanes)
            for rows in range(3 * table.tile_rows + 2):
                gap = rows % 3
                x, inside = strided(rows, depth, depth + gap, self.dtype)
                inside[...] = self.random(rows, depth)
                sizes = {"rows": rows, "depth": depth, "width": width, "x_stride": depth + gap}
                sizes |= chosen(activation)
                self.check_dense({**arrays, "x": x}, width + gap, width, **sizes)
                self.check_dense({**arrays, "x": x}, padded_width + gap, padded_width, padded=1, **sizes)

    def sweep_dots(self) -> None:
        # Of at most 16 outputs: tiles are 4 x 4, and vectors span the inputs.
        for depth, width in product([*range(1, 70), 767, 768, 769, 800], (1, 2, 3, 4, 5, 7, 8, 15, 16)):
            packed = pad_rows(self.random(width, depth))
            arrays = {"panels": packed, "start": self.random(up_to(width, self.table.panel))}
            for rows in (0, 1, 2, 3, 4, 5, 8, 13) if depth % 8 == 1 else (1, 6):
                arrays["x"] = self.random(rows, depth)
                sizes = {"rows": rows, "depth": depth, "width": width, "x_stride": depth}
                self.check_dense(arrays, width + 1, width, weight_stride=packed.shape[1], **sizes)

    def sweep_columns(self) -> None:
        # Lanes are examples: x is the weight, and what are rows elsewhere are outputs.
        panel, names = self.table.panel, cycle([*ELEMENTWISE, *ROW_WISE])
        start_width = kernel_table.CONSTANTS["FASTNN_START_PANELS"] * panel
        for outputs, depth, panels in product(range(1, 17), (1, 2, 3, 7, 16, 31), (1, 2, 3)):
            examples = panels * panel
            gap = (outputs + depth) % 2 * panel
            columns, inside = strided(depth, examples, examples + gap, self.dtype)
            inside[...] = self.random(depth, examples)
            bias = self.random(outputs, 1)
            arrays = {
                "x": self.random(outputs, depth),
                "panels": columns,
                "start": np.repeat(bias, start_width, axis=1),
            }
            sizes = {"rows": outputs, "depth": depth, "width": examples, "x_stride": depth}
            sizes |= {"start_stride": start_width, **chosen(parse(next(names)))}
            self.check_dense(arrays, examples + gap, examples, column_stride=examples + gap, **sizes)

    def sweep_elementwise(self) -> None:
        for n in range(3 * self.table.panel + 2):
            z = self.random(n)
            for name in ELEMENTWISE:
                self.check_elementwise(partial(self.kernels.activate, parse(name)), z)
                self.check_elementwise(partial(self.kernels.differentiate, parse(name)), z)
            self.check_elementwise(self.kernels.exponential, z)
            for source in self.memory["x"].places(z):
                self.kernels.read(source)

    def check_elementwise(self, kernel: Callable[[Array, Array], None], z: Array) -> None:
        expected = np.empty_like(z)
        kernel(z, expected)
        for source, target in zip(self.memory["x"].places(z), self.memory["out"].places(z), strict=True):
            kernel(source, target)
            assert same_bits(target, expected)
            kernel(source, source)
            assert same_bits(source, expected)

    def sweep_normalize(self) -> None:
        panel, lanes = self.table.panel, self.table.lanes
        some_rows = sorted({0, 1, 2, lanes - 1, lanes, lanes + 1, panel, panel + 1, 2 * panel + 1, 3 * panel})
        for n in range(3 * panel + 2):
            for rows, name, gap in product(some_rows if n < 20 else (1, 3), ROW_WISE, (0, 3)):
                z, inside = strided(rows, n, n + gap, self.dtype)
                inside[...] = self.random(rows, n)
                expected = z.copy()
                self.table.normalize(parse(name).number, expected.ctypes.data, n + gap, rows, n)
                assert np.all(np.delete(expected, positions(rows, n, n + gap)) == UNTOUCHED)
                for target in self.memory["out"].places(z):
                    self.table.normalize(parse(name).number, target.ctypes.data, n + gap, rows, n)
                    assert same_bits(target, expected)

    def sweep_moves(self) -> None:
        # Columns are read and written up to whole panels of rows.
        panel = self.table.panel
        for n, rows, gap in product(range(18), range(3 * panel + 2), (0, 1)):
            whole = up_to(rows, panel)
            x, inside = strided(rows, n, n + gap, self.dtype)
            inside[...] = values = self.random(rows, n)
            columns, _ = strided(n, whole, whole + gap * panel, self.dtype)
            for at_end in (True, False):
                source, there = self.memory["x"].place(x, at_end), self.memory["out"].place(columns, at_end)
                self.table.to_columns(
                    source.ctypes.data, n + gap, rows, n, there.ctypes.data, whole + gap * panel
                )
                moved = rows_in(there, n, whole, whole + gap * panel)
                assert same_bits(moved[:, :rows].T, values), (n, rows)
                assert np.all(moved[:, rows:] == 0), (n, rows)
                back = self.memory["x"].place(np.full_like(x, UNTOUCHED), at_end)
                self.table.from_columns(
                    there.ctypes.data, whole + gap * panel, rows, n, back.ctypes.data, n + gap
                )
                assert same_bits(back, x), (n, rows)


def positions(rows: int, width: int, stride: int) -> Array:
    """Return where the elements of strided rows lie in their memory."""
    return (np.arange(rows)[:, np.newaxis] * stride + np.arange(width)).ravel()


@pytest.mark.skipif(sys.platform == "win32", reason="mprotect is POSIX's")
@every_dtype
@every_isa
def test_nothing_outside_is_touched(isa: str, dtype: np.dtype[Any]) -> None:
    done = run_apart(__file__, isa, str(dtype))
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr}"
    assert done.stdout == "swept\n"


if __name__ == "__main__":
    faulthandler.enable()
    Sweep(sys.argv[1], np.dtype(sys.argv[2])).run()
    print("swept")
