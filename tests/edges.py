"""The edge cases: what goes in, what comes out, and why. One table of each kind, for the tests and the docs.

test_edge_cases.py runs every line on every instruction set and dtype; benchmarks/edge_cases.py asks others
and writes docs/numerics.md's tables.

Numbers are written in words: `least` is the smallest subnormal number, `most` the largest finite one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class FunctionLine(NamedTuple):
    """A function of one number at each of POINTS; a derivative has a stroke behind its name."""

    name: str
    values: str
    why: str = ""  # where others differ

    @property
    def cells(self) -> list[str]:
        """What the docs say."""
        return [self.name, *map(shown, self.values.split())]


class RowLine(NamedTuple):
    """A row, its softmax and its log-softmax."""

    row: str
    softmax: str
    log_softmax: str
    why: str = ""

    @property
    def cells(self) -> list[str]:
        """What the docs say."""
        return [shown_row(words) for words in (self.row, self.softmax, self.log_softmax)]


class LayerLine(NamedTuple):
    """One output of a dense layer."""

    weight: str
    x: str
    bias: str
    result: str
    why: str = ""

    @property
    def cells(self) -> list[str]:
        """What the docs say."""
        return [shown_row(words) for words in (self.weight, self.x, self.bias, self.result)]


class ShapeLine(NamedTuple):
    """What isn't a matter of a few numbers, and the test of it in test_edge_cases.py."""

    case: str
    result: str
    test: str
    why: str = ""

    @property
    def cells(self) -> list[str]:
        """What the docs say."""
        return [self.case, self.result]


Line = FunctionLine | RowLine | LayerLine | ShapeLine

SIXTH = "0.16666666666666666"
LOG_2 = "0.6931471805599453"
SELU_ABOVE, SELU_BELOW = "1.0507009873554805", "1.7580993408473768"
POINTS = "nan inf -inf 0 -0 least -least most -most"
FUNCTIONS = {
    line.name: line
    for line in (
        FunctionLine("identity", "nan inf -inf 0 -0 least -least most -most"),
        FunctionLine("identity'", "1 1 1 1 1 1 1 1 1"),
        FunctionLine(
            "relu",
            "nan inf 0 0 -0 least 0 most 0",
            "as the other two: −0 isn't below 0",
        ),
        FunctionLine("relu'", "0 1 0 0 0 1 0 1 0", "as defined: 1 where z > 0, and NaN isn't"),
        FunctionLine("sigmoid", "nan 1 0 0.5 0.5 0.5 0.5 1 0"),
        FunctionLine("sigmoid'", "nan 0 0 0.25 0.25 0.25 0.25 0 0"),
        FunctionLine("tanh", "nan 1 -1 0 -0 least -least 1 -1", "as NumPy and PyTorch: least is nearest"),
        FunctionLine("tanh'", "nan 0 0 1 1 1 1 0 0"),
        FunctionLine(
            "leaky_relu", "nan inf -inf 0 -0 least -0 most -0.01*most", "as the others: the sign stays"
        ),
        FunctionLine("leaky_relu'", "0.01 1 0.01 0.01 0.01 1 0.01 1 0.01"),
        FunctionLine("softsign", "nan 1 -1 0 -0 least -least 1 -1", "the limits are ±1"),
        FunctionLine("softsign'", "nan 0 0 1 1 1 1 0 0", "the limits are 0"),
        FunctionLine("hard_sigmoid", "nan 1 0 0.5 0.5 0.5 0.5 1 0"),
        FunctionLine("hard_sigmoid'", f"0 0 0 {SIXTH} {SIXTH} {SIXTH} {SIXTH} 0 0"),
        FunctionLine(
            "hard_swish", "nan inf -0 0 -0 0 -0 most -0", "−∞ as all below −3; most is representable"
        ),
        FunctionLine("hard_swish'", "nan 1 0 0.5 0.5 0.5 0.5 1 0", "a NaN isn't hidden"),
        FunctionLine("clip", "nan 6 0 0 -0 least 0 6 0"),
        FunctionLine("clip'", "0 0 0 0 0 1 0 0 0", "as defined: 1 where low < z < high"),
        FunctionLine("elu", "nan inf -1 0 -0 least -least most -1", "as PyTorch: −least is nearest"),
        FunctionLine("elu'", "nan 1 0 1 1 1 1 1 0", "a NaN isn't hidden"),
        FunctionLine(
            "selu",
            f"nan inf -{SELU_BELOW} 0 -0 least -2*least inf -{SELU_BELOW}",
            "as PyTorch: −2 least is nearest",
        ),
        FunctionLine(
            "selu'",
            f"nan {SELU_ABOVE} 0 {SELU_BELOW} {SELU_BELOW} {SELU_ABOVE} {SELU_BELOW} {SELU_ABOVE} 0",
            "a NaN isn't hidden",
        ),
        FunctionLine("silu", "nan inf -0 0 -0 0 -0 most -0", "the limit is −0"),
        FunctionLine("silu'", "nan 1 -0 0.5 0.5 0.5 0.5 1 -0", "the limits are 1 and −0"),
        FunctionLine("softplus", f"nan inf 0 {LOG_2} {LOG_2} {LOG_2} {LOG_2} most 0"),
        FunctionLine("softplus'", "nan 1 0 0.5 0.5 0.5 0.5 1 0"),
        FunctionLine(
            "gelu", "nan inf -0 0 -0 least -0 most -0", "the limits; of least, more than half is left"
        ),
        FunctionLine("gelu'", "nan 1 -0 0.5 0.5 0.5 0.5 1 -0", "the limits"),
        FunctionLine("gelu_tanh", "nan inf -0 0 -0 least -0 most -0", "as gelu"),
        FunctionLine("gelu_tanh'", "nan 1 -0 0.5 0.5 0.5 0.5 1 -0", "the limits"),
    )
}
ROWS = [
    RowLine("1 nan", "nan nan", "nan nan", "as the others in float32: a NaN isn't hidden"),
    RowLine("1 inf", "nan nan", "nan nan", "as NumPy and PyTorch: ∞ − ∞ has no value, so the row has none"),
    RowLine("inf inf", "nan nan", "nan nan"),
    RowLine("-inf -inf", "nan nan", "nan nan"),
    RowLine("1 -inf", "1 0", "0 -inf"),
    RowLine("most -most", "1 0", "0 -inf"),
    RowLine("most most", "0.5 0.5", "-0.6931471805599453 -0.6931471805599453"),
    RowLine("-most -most", "0.5 0.5", "-0.6931471805599453 -0.6931471805599453"),
    RowLine("0 -least", "0.5 0.5", "-0.6931471805599453 -0.6931471805599453"),
    RowLine(
        "0 -40",
        "1 4.248354255291589e-18",
        "-4.248354255291589e-18 -40",
        "within 2 ULP near 0 too: what the others leave of 1 keeps its digits",
    ),
    RowLine("0 -100", "1 3.720075976020836e-44", "-3.720075976020836e-44 -100", "as in the line above"),
    RowLine("5", "1", "0"),
    RowLine("", "", "", "as PyTorch and ONNX Runtime: nothing in, nothing out"),
]
LAYERS = [
    LayerLine("0 1", "inf 1", "0", "nan"),
    LayerLine("nan", "0", "0", "nan"),
    LayerLine("1 -1", "inf inf", "0", "nan"),
    LayerLine("1", "2", "nan", "nan"),
    LayerLine("-inf 1", "2 3", "4", "-inf"),
    LayerLine("2", "most", "0", "inf"),
    LayerLine("1", "most", "most", "inf"),
    LayerLine(
        "1 1 1",
        "most most -most",
        "0",
        "inf",
        "a sum's order is fixed, and an ∞ on the way stays",
    ),
    LayerLine("2", "most", "-most", "inf", "as the other two: the bias is added last"),
    LayerLine("2", "least", "0", "2*least"),
    LayerLine("1", "least", "least", "2*least"),
    LayerLine("0.5", "least", "0", "0"),
    LayerLine("1", "-0", "-0", "0", "as the other two: a sum begins with 0, and 0 + −0 is 0"),
    LayerLine("", "", "-2.5", "-2.5"),
    LayerLine("", "", "-0", "0", "as in the line before the last"),
]
SHAPES = [
    ShapeLine("a batch of no rows", "(0, m)", "TestDense.test_empty_batch"),
    ShapeLine("a layer of no outputs", "(B, 0)", "TestDense.test_no_outputs"),
    ShapeLine(
        "a row with a NaN beside others",
        "NaN in that row alone, the others to the last bit as ever",
        "TestDense.test_nan_stays_in_its_row",
    ),
    ShapeLine(
        "a row without a softmax beside others",
        "NaN in that row alone, the others to the last bit as ever",
        "TestRows.test_undefined_rows_are_nan_and_alone",
    ),
    ShapeLine("`out=` full of NaN", "never read", "TestDense.test_nothing_of_out_is_read"),
]


def parts(word: str) -> tuple[int, float, str]:
    """Return a word's sign, its factor, and what is left of it."""
    factor, _, name = word.removeprefix("-").rpartition("*")
    return -1 if word.startswith("-") else 1, float(factor or 1), name


def numbers(words: str, dtype: Any) -> Array:
    """Return what words stand for."""
    limits = np.finfo(dtype)
    sizes = {"least": limits.smallest_subnormal, "most": limits.max}
    real = np.dtype(dtype).type
    return np.array(
        [
            sign * real(factor) * (sizes[name] if name in sizes else real(name))
            for sign, factor, name in map(parts, words.split())
        ],
        dtype,
    )


def shown(word: str) -> str:
    """Return how the docs write a word."""
    sign, factor, name = parts(word)
    digits = {"inf": "∞", "nan": "NaN", "least": "least", "most": "most"}.get(name) or f"{float(name):.6g}"
    return ("−" if sign < 0 else "") + (f"{factor:g} " if factor != 1 else "") + digits


def shown_row(words: str) -> str:
    """Return how the docs write several."""
    return ", ".join(map(shown, words.split())) or "none"


class Table(NamedTuple):
    """One table of the docs."""

    head: list[str]
    lines: Sequence[Line]

    def rows(self) -> list[tuple[list[str], str]]:
        """Return for each line what fastnn does with it, and why."""
        return [(line.cells, line.why) for line in self.lines]


TABLES = (
    Table(["", *map(shown, POINTS.split())], [*FUNCTIONS.values()]),
    Table(["row", "softmax", "log-softmax"], ROWS),
    Table(["weights", "x", "bias", "result"], LAYERS),
    Table(["case", "result"], SHAPES),
)
