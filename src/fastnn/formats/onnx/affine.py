"""Tensors that depend on the input, as affine functions of the activations before them.

Of a layer's activations a, every element of such a tensor is ``scale * (matrix @ a)[row] + bias``. An
operator that only moves elements moves rows, scale and bias; one that adds or multiplies constants changes
scale and bias; a product with a constant makes the matrix. So everything between two activations becomes one
dense layer, whatever it was made of, and is rounded once: scale and bias are float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastnn.formats.onnx.tensors import FLOAT_BITS, Array

SPARE_NUMBERS = 2**22  # beyond the file's own; 32 MiB of float64
WORK_ON_A_NUMBER = 8  # how often each of the file's own may be made anew, in products above all
STEPS_OF_A_CONSTANT = 4000  # in numbers: what a layer's nodes take beside them, silu's two among them


class Budget:
    """How many numbers may still be made: a small file can't ask for much memory or time."""

    def __init__(self) -> None:
        self._left = SPARE_NUMBERS
        self._steps = 0

    def earn(self, constant: Array) -> None:
        """Allow for work on numbers that the file holds, of which integers may be as short as a byte.

        Each constant takes bytes in the file, so there may be a layer for each, however small.
        """
        self._left += constant.size * (WORK_ON_A_NUMBER if constant.dtype.kind == "f" else 1)
        self._steps += STEPS_OF_A_CONSTANT

    def step(self, cost: int) -> None:
        """Take what a node of a chain costs, whatever its size, from what the file's constants allow for."""
        paid = min(cost, self._steps)
        self._steps -= paid
        self.spend(cost - paid)

    def spend(self, numbers: int) -> None:
        """Take from what is left."""
        self._left -= numbers
        if self._left < 0:
            raise ValueError("more numbers than a model with so few parameters needs")


@dataclass(frozen=True, eq=False)
class Layer:
    """The activations of a tensor, or, where there is no tensor before, the network's input."""

    width: int
    budget: Budget
    examples: int | None  # how many the file says that there are, if it does
    before: Affine | None = None
    activation: str = "identity"
    label: str = ""  # the node that asked for it


@dataclass(frozen=True, eq=False)
class Affine:
    """A tensor, each of whose elements is an affine function of a layer's activations.

    `rows` has the tensor's shape, but for the axes in `batch`, along which examples lie: there it has size 1.
    Without a matrix, a row is an activation. `scale` and `bias` broadcast to `rows`; None is 1 or 0.
    """

    layer: Layer
    rows: Array
    batch: tuple[int, ...]
    element: str
    matrix: Array | None = None
    scale: Array | None = None
    bias: Array | None = None
    wide: bool = False  # something was computed in float64
    rounded: bool = False  # the last cast was to fewer bits, and nothing was computed since
    spread: bool = False  # in the file every element is an example of its own now: nothing can follow

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape, 1 along the axes of examples."""
        shape: tuple[int, ...] = self.rows.shape
        return shape

    @property
    def plain(self) -> bool:
        """Whether the tensor is the layer's activations, but for scale and bias."""
        return self.matrix is None and counts_up(self.rows, self.layer.width)

    @property
    def bare(self) -> bool:
        """Whether the tensor is the layer's activations and nothing else."""
        unscaled = self.scale is None or bool(np.all(self.scale == 1.0))
        return self.plain and unscaled and (self.bias is None or not np.any(self.bias))

    def axis(self, axis: int) -> int:
        """Return an axis counted from 0, if examples don't lie along it."""
        axis = axis_from_start(axis, self.rows.ndim)
        if axis in self.batch:
            raise ValueError(f"axis {axis}, along which examples lie")
        return axis

    def computed(self, **changes: Any) -> Affine:
        """Return a tensor that arithmetic made of this one."""
        if self.element not in FLOAT_BITS:
            raise ValueError(f"arithmetic in {self.element}, expected floating-point numbers")
        wide = self.wide or self.element == "float64"
        return replace(self, wide=wide, rounded=False, **changes)

    def moved(self, move: Callable[[Array], Array], batch: Sequence[int]) -> Affine:
        """Return the tensor with its elements in other places."""
        scale, bias = (None if part is None else move(self.whole(part)) for part in (self.scale, self.bias))
        rows = move(self.rows)
        self.layer.budget.spend(rows.size)
        return replace(self, rows=rows, scale=scale, bias=bias, batch=tuple(batch))

    def whole(self, part: Array) -> Array:
        """Return scale or bias in the tensor's shape."""
        return np.broadcast_to(part, self.shape)

    def cast(self, element: str) -> Affine:
        """Return the tensor with elements of another type."""
        if element not in FLOAT_BITS:
            raise ValueError(f"a cast of the data to {element}, which drops what lies between integers")
        if self.element == element:
            return self
        if self.element not in FLOAT_BITS:
            return replace(self, element=element)
        wider = FLOAT_BITS[element] > FLOAT_BITS[self.element]
        if wider and self.rounded:
            raise ValueError(f"a cast to {self.element} and back, which only rounds: no layer does")
        return replace(self, element=element, rounded=not wider)

    def broadcast(self, shape: tuple[int, ...]) -> Affine:
        """Return the tensor as it meets a constant of that shape."""
        ndim = max(len(shape), self.rows.ndim)
        batch = tuple(axis + ndim - self.rows.ndim for axis in self.batch)
        padded = (1,) * (ndim - len(shape)) + shape
        if any(padded[axis] != 1 for axis in batch):
            raise ValueError(f"a constant of shape {shape}, which isn't the same for every example")
        target = np.broadcast_shapes(self.shape, shape)
        self.layer.budget.spend(math.prod(target))
        if target == self.shape:
            return self
        return replace(self, rows=np.broadcast_to(self.rows, target), batch=batch)

    def scaled(self, factor: Array) -> Affine:
        """Return the tensor times a constant."""
        factor = factor.astype(np.float64)
        tensor = self.broadcast(factor.shape)
        scale, bias = (None if part is None else part * factor for part in (tensor.scale, tensor.bias))
        return tensor.computed(scale=factor if scale is None else scale, bias=bias)

    def shifted(self, term: Array) -> Affine:
        """Return the tensor plus a constant."""
        term = term.astype(np.float64)
        tensor = self.broadcast(term.shape)
        return tensor.computed(bias=term if tensor.bias is None else tensor.bias + term)

    def activated(self, activation: str, label: str) -> Affine:
        """Return an activation of the tensor."""
        layer = Layer(self.rows.size, self.layer.budget, self.layer.examples, self, activation, label)
        layer.budget.spend(layer.width)
        rows = np.arange(layer.width).reshape(self.shape)
        return self.computed(layer=layer, rows=rows, matrix=None, scale=None, bias=None)

    def parameters(self) -> tuple[Array, Array | None]:
        """Return the weight (elements, activations) and bias (elements,) of the dense layer that this is."""
        rows, budget = self.rows.ravel(), self.layer.budget
        scale, bias = (None if part is None else self.whole(part).ravel() for part in (self.scale, self.bias))
        if self.matrix is None:
            budget.spend(rows.size * self.layer.width)
            weight = np.zeros((rows.size, self.layer.width))
            weight[np.arange(rows.size), rows] = 1.0 if scale is None else scale
            return weight, bias
        weight = self.matrix
        if not counts_up(rows, len(weight)):
            budget.spend(rows.size * self.layer.width)
            weight = weight[rows]
        if scale is not None:
            budget.spend(weight.size)
            weight = weight * scale[:, np.newaxis]
        return weight, bias


def counts_up(rows: Array, n: int) -> bool:
    """Whether rows are 0, 1, ... n - 1."""
    return rows.size == n and np.array_equal(rows.ravel(), np.arange(n))


def axis_from_start(axis: int, ndim: int) -> int:
    """Return an axis counted from 0."""
    if not -ndim <= axis < ndim:
        raise ValueError(f"axis {axis} of a tensor with {ndim} axes")
    return axis % ndim
