"""What is measured: the shapes, and how they are built."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from fastnn._core.activation_names import parse
from fastnn._core.engine import Plan

Array = np.ndarray[Any, Any]

LINE = 64


class Layer(NamedTuple):
    """A dense layer with bias and ReLU, and how many examples it gets at once."""

    rows: int
    n_inputs: int
    n_outputs: int

    @property
    def name(self) -> str:
        """Widths and rows: 784-128, 112 rows."""
        return f"{self.n_inputs}-{self.n_outputs}, {self.rows} rows"

    @property
    def flop(self) -> int:
        """Floating-point operations of the product; a multiply-add is two."""
        return 2 * self.rows * self.n_inputs * self.n_outputs

    @property
    def reals(self) -> int:
        """Inputs, parameters and outputs: what has to be read or written at least once."""
        n, m = self.n_inputs, self.n_outputs
        return self.rows * (n + m) + n * m + m


class Net(NamedTuple):
    """A network by its widths and activations."""

    widths: tuple[int, ...]
    activations: tuple[str, ...]

    @property
    def name(self) -> str:
        """The widths: 784-128-10."""
        return "-".join(map(str, self.widths))

    def flop(self, rows: int) -> int:
        """Floating-point operations of the products for so many examples."""
        return sum(Layer(rows, n, m).flop for n, m in pairwise(self.widths))


# A block of 112 rows is what a thread takes through a network. Small and odd depths and widths cost most.
LAYERS = (
    Layer(112, 784, 128),
    Layer(112, 64, 64),
    Layer(112, 24, 64),
    Layer(112, 512, 256),
    Layer(112, 1024, 1024),
    Layer(14, 128, 128),
    Layer(112, 13, 512),
)
# One example: weights that fit into the first cache, the second, the third, and hardly any.
SINGLE = (Layer(1, 64, 64), Layer(1, 784, 128), Layer(1, 1024, 1024), Layer(1, 4096, 4096))
SINGLE_QUICK = SINGLE[:3]

ELEMENTWISE = ("relu", "sigmoid", "tanh")
ROW_WISE = ("softmax", "log_softmax")
ROW = 64  # of a softmax
VALUES = (4096, 2**23)  # in the first cache, and beyond most caches
VALUES_QUICK = (4096, 2**19)

SMALLEST = Net((2, 3, 2), ("relu", "softmax"))
NETWORKS = (Net((1024,) * 4, ("relu",) * 3), Net((784, 128, 10), ("relu", "softmax")))
NETWORK_ROWS = 1024
CURVES = (
    SMALLEST,
    Net((24, 64, 64, 4), ("tanh", "tanh", "identity")),
    Net((784, 128, 10), ("relu", "softmax")),
)
BATCHES = tuple(4**i for i in range(8))  # 1 to 16384


def plan(net: Net, dtype: str, isa: str) -> Plan:
    """Return a network with random parameters, of a size that keeps outputs near 1."""
    rng = np.random.default_rng(0)
    layers = []
    for (n, m), name in zip(pairwise(net.widths), net.activations, strict=True):
        weight = rng.standard_normal((m, n), np.float32) * np.float32((2 / n) ** 0.5)
        bias = rng.standard_normal(m, np.float32) * np.float32(0.1)
        layers.append((weight.astype(dtype), bias.astype(dtype), parse(name)))
    return Plan(layers, dtype, isa)


def layer_call(layer: Layer, dtype: str, isa: str) -> Callable[[], object]:
    """Return a call of a single layer, from and to memory that is there, as between a network's layers."""
    x = examples(layer.rows, layer.n_inputs, dtype)
    out = aligned(np.zeros((*x.shape[:-1], layer.n_outputs), dtype))
    return partial(plan(Net((layer.n_inputs, layer.n_outputs), ("relu",)), dtype, isa), x, out)


def examples(rows: int, n: int, dtype: str) -> Array:
    """Return random examples, (rows, n), or one, (n,)."""
    x = np.random.default_rng(1).standard_normal((rows, n), np.float32).astype(dtype)
    return aligned(x[0] if rows == 1 else x)


def aligned(array: Array) -> Array:
    """Return a copy that begins a cache line: where NumPy puts an array is chance, which costs up to half."""
    memory = np.empty(array.nbytes + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    copy = memory[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
